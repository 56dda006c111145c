"""The smallest HTTP/1.1 client: it must cost less than what it measures."""

from __future__ import annotations

import asyncio
from typing import cast
from urllib.parse import urlsplit


class Refused(Exception):
    """An answer other than 2xx; its text says why."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body[:500].decode(errors='replace')}")
        self.status = status


class Connection(asyncio.Protocol):
    """One keep-alive connection, one request at a time."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._received = bytearray()
        self._expected: int | None = None
        self._answer: asyncio.Future[bytes] | None = None
        self._status = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self._received += data
        if self._expected is None and not self._read_head():
            return
        if self._expected is not None and len(self._received) >= self._expected:
            self._finish(bytes(self._received[: self._expected]))

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionResetError("the service closed the connection"))

    @property
    def is_open(self) -> bool:
        return self._transport is not None

    async def request(self, head: bytes, body: bytes = b"") -> bytes:
        """Send `head`, a request line and fields without the empty line, and `body`; the answer's
        body. Raises Refused, ConnectionError."""
        if self._transport is None:
            raise ConnectionResetError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(b"%bcontent-length: %d\r\n\r\n%b" % (head, len(body), body))
        return await self._answer

    def _read_head(self) -> bool:
        end = self._received.find(b"\r\n\r\n")
        if end < 0:
            return False
        head = bytes(self._received[:end]).lower()
        del self._received[: end + 4]
        self._status = int(head[9:12])
        at = head.find(b"content-length:")
        self._expected = int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        return True

    def _finish(self, body: bytes) -> None:
        answer, self._answer = self._answer, None
        self._received.clear()
        self._expected = None
        if answer is None or answer.done():
            return
        if 200 <= self._status < 300:
            answer.set_result(body)
        else:
            answer.set_exception(Refused(self._status, body))


class Client:
    """At most `max_connections` to one service, opened as they are needed."""

    def __init__(self, url: str, max_connections: int = 256) -> None:
        split = urlsplit(url)
        self._address = (split.hostname or "127.0.0.1", split.port or 80)
        self._idle: list[Connection] = []
        self._room = asyncio.Semaphore(max_connections)

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, *self._address)
        return connection

    async def request(self, head: bytes, body: bytes = b"") -> bytes:
        """On an idle connection, or a new one. Raises Refused, OSError."""
        async with self._room:
            while self._idle and not self._idle[-1].is_open:
                self._idle.pop()
            connection = self._idle.pop() if self._idle else await self.connect()
            try:
                return await connection.request(head, body)
            finally:
                self._idle.append(connection)


def head(method: str, path: str, *fields: str) -> bytes:
    """A request line and fields for `Connection.request`."""
    lines = (f"{method} {path} HTTP/1.1", "host: bench", "content-type: application/json", *fields)
    return "".join(f"{line}\r\n" for line in lines).encode()
