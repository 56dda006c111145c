"""One keep-alive connection on asyncio: a request, its answer, the next request.

asyncio's streams do the same at three times the cost, and a workflow's step is one exchange.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Final, cast

from perdure.worker import http1
from perdure.worker.http1 import Answer
from perdure.worker.received import ReceivedBytes

_PAUSE_BYTES: Final = 1024 * 1024
"""With so much unread, the peer has to wait."""
_ONE_PACKET_BYTES: Final = 64 * 1024


class Connection(ReceivedBytes, asyncio.Protocol):
    """Reads its own answers. `idle_since` belongs to whoever keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self._transport: asyncio.Transport | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._lost: Exception | None = None
        self._ended = False
        self._paused = False
        self.idle_since = 0.0

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, host, port, ssl=tls)
        return connection

    @property
    def is_usable(self) -> bool:
        """Whether the peer has not hung up, nor said what nobody asked for."""
        return not self._ended and not self.received

    async def exchange(self, head: bytes, body: bytes, max_answer_bytes: int) -> Answer:
        """Raises ConnectionError, BadMessage; the connection is of no more use then."""
        transport = self._transport
        if transport is None:
            raise ConnectionResetError("The connection is closed")
        if len(body) <= _ONE_PACKET_BYTES:
            transport.write(head + body)
        else:
            transport.write(head)
            transport.write(body)
        return await http1.read_answer(self, max_body_bytes=max_answer_bytes)

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # ReceivedBytes

    async def more(self, expected: int | None) -> None:
        if self._ended:
            if self._lost is not None:
                raise ConnectionResetError(str(self._lost)) from self._lost
            raise asyncio.IncompleteReadError(bytes(self.received), expected)
        if self._paused and self._transport is not None:
            self._paused = False
            self._transport.resume_reading()
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self.received += data
        if len(self.received) > _PAUSE_BYTES and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self._ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._ended = True
        self._lost = exc
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)
