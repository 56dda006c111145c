"""An answer leaves in one packet."""

from __future__ import annotations

import asyncio

from perdure_service.api.protocol import OneWrite


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.sent: list[bytes] = []
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


async def test_what_is_written_in_one_pass_is_sent_at_once() -> None:
    transport = Transport()
    one_write = OneWrite(transport)
    one_write.write(b"head ")
    one_write.write(b"body")
    assert transport.sent == []
    await asyncio.sleep(0)
    one_write.write(b"next")
    await asyncio.sleep(0)
    assert transport.sent == [b"head body", b"next"]


async def test_what_was_written_leaves_before_the_connection_closes() -> None:
    transport = Transport()
    one_write = OneWrite(transport)
    one_write.write(b"last")
    one_write.close()
    await asyncio.sleep(0)
    assert transport.sent == [b"last"]
    assert transport.closed


async def test_what_is_written_after_the_end_is_dropped() -> None:
    transport = Transport()
    one_write = OneWrite(transport)
    transport.closed = True
    one_write.write(b"too late")
    await asyncio.sleep(0)
    assert transport.sent == []
