"""Bytes as they were received, read as http1 wants them."""

from __future__ import annotations

import asyncio
from typing import Final

_MAX_HEAD_BYTES: Final = 256 * 1024


class ReceivedBytes:
    """An http1.Reader on top of `more`, which waits, or blocks, until something was added to
    `received`."""

    def __init__(self) -> None:
        self.received = bytearray()

    async def more(self, expected: int | None) -> None:
        """Raises IncompleteReadError at the end of the stream, ConnectionError if it broke off."""
        raise NotImplementedError

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        searched = 0
        while (at := self.received.find(separator, searched)) < 0:
            if len(self.received) > _MAX_HEAD_BYTES:
                raise asyncio.LimitOverrunError("no end in sight", len(self.received))
            searched = max(0, len(self.received) - len(separator) + 1)
            await self.more(None)
        return self._take(at + len(separator))

    async def readexactly(self, n: int) -> bytes:
        while len(self.received) < n:
            await self.more(n)
        return self._take(n)

    async def read(self, n: int = -1) -> bytes:
        """At most `n` bytes; none at the end of the stream."""
        if not self.received:
            try:
                await self.more(None)
            except asyncio.IncompleteReadError:
                return b""
        return self._take(min(n, len(self.received)))

    def _take(self, count: int) -> bytes:
        if count == len(self.received):
            taken = bytes(self.received)
            self.received.clear()
        else:
            taken = bytes(self.received[:count])
            del self.received[:count]
        return taken
