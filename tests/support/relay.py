"""TCP relays. The one in front of Postgres can stop the service in the middle of a commit.

It knows the service's writing connections by their application name, and on them each Execute
message is one flush: one transaction, committed before Postgres says ReadyForQuery.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import contextmanager, suppress
from enum import Enum, auto
from typing import Any, TypeVar

from psycopg.conninfo import conninfo_to_dict

T = TypeVar("T")

_WRITERS = (b"perdure appends\0", b"perdure starts\0")
_EXECUTE = b"E"
_READY_FOR_QUERY = b"Z"
_CHUNK_BYTES = 1 << 16


class Side(Enum):
    """On which side of the commit to freeze."""

    BEFORE = auto()
    """Postgres never sees the flush."""
    AFTER = auto()
    """Postgres has committed it, and the service never hears of it."""


class Relay:
    """A port of this machine, served by a thread of its own. What a connection is for is said by
    `_relay`, which ends when either side does."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._connections: set[asyncio.Task[None]] = set()
        self._port = 0

    def reset(self) -> None:
        """Break all connections."""
        self._call(self._reset())

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._loop.run_forever, name="relay")
        thread.start()
        server = self._call(asyncio.start_server(self._accept, "127.0.0.1", 0))
        self._port = server.sockets[0].getsockname()[1]
        try:
            yield
        finally:
            self._loop.call_soon_threadsafe(server.close)
            self.reset()
            self._loop.call_soon_threadsafe(self._loop.stop)
            thread.join()
            self._loop.close()

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    async def _reset(self) -> None:
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            with suppress(OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._relay(client, answers)
        finally:
            self._connections.discard(task)
            answers.close()

    async def _relay(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        raise NotImplementedError


class PostgresRelay(Relay):
    """Relays to the Unix socket that `database_url` names. `frozen` is set when a freeze that was
    asked for has come. A reset forgets it. Every flush takes `flush_seconds` more than it does."""

    def __init__(self, database_url: str) -> None:
        super().__init__()
        place = conninfo_to_dict(database_url)
        self._socket = f"{place['host']}/.s.PGSQL.{place.get('port', 5432)}"
        self._database = place["dbname"]
        self._user = place["user"]
        self._freeze_at: tuple[int, Side] | None = None
        self.flushes = 0
        self.flush_seconds = 0.0
        self.frozen = threading.Event()

    @property
    def url(self) -> str:
        where = f"{self._user}@127.0.0.1:{self._port}/{self._database}"
        return f"postgresql://{where}?sslmode=disable&gssencmode=disable"

    def freeze(self, flush: int, side: Side) -> None:
        """Stop at that flush from now; 1 is the next."""
        self._freeze_at = (self.flushes + flush, side)

    async def _reset(self) -> None:
        await super()._reset()
        self._freeze_at = None
        self.frozen.clear()

    async def _relay(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        startup = await _startup_message(client)
        server, requests = await asyncio.open_unix_connection(self._socket)
        try:
            requests.write(startup)
            if any(name in startup for name in _WRITERS):
                committed = asyncio.Event()
                ways = {
                    asyncio.ensure_future(self._requests(client, requests, committed)),
                    asyncio.ensure_future(self._answers(server, answers, committed)),
                }
            else:
                ways = {
                    asyncio.ensure_future(_copy(client, requests)),
                    asyncio.ensure_future(_copy(server, answers)),
                }
            try:
                await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for way in ways:
                    way.cancel()
                await asyncio.gather(*ways, return_exceptions=True)
        finally:
            requests.close()

    async def _requests(
        self, client: asyncio.StreamReader, requests: asyncio.StreamWriter, held: asyncio.Event
    ) -> None:
        async for kind, message in _messages(client):
            if kind == _EXECUTE:
                self.flushes += 1
                if self._freeze_at == (self.flushes, Side.BEFORE):
                    await self._stop()
                if self._freeze_at == (self.flushes, Side.AFTER):
                    held.set()
            requests.write(message)
            await requests.drain()

    async def _answers(
        self, server: asyncio.StreamReader, answers: asyncio.StreamWriter, held: asyncio.Event
    ) -> None:
        async for kind, message in _messages(server):
            if not held.is_set():
                if kind == _READY_FOR_QUERY:
                    await asyncio.sleep(self.flush_seconds)
                answers.write(message)
                await answers.drain()
            elif kind == _READY_FOR_QUERY:
                await self._stop()

    async def _stop(self) -> None:
        """Until the connection is broken by a reset."""
        self.frozen.set()
        await asyncio.Event().wait()


async def _startup_message(client: asyncio.StreamReader) -> bytes:
    length = await client.readexactly(4)
    return length + await client.readexactly(int.from_bytes(length) - 4)


async def _messages(reader: asyncio.StreamReader) -> AsyncIterator[tuple[bytes, bytes]]:
    """Each message with its kind; both directions have the same frame."""
    while True:
        head = await reader.readexactly(5)
        yield head[:1], head + await reader.readexactly(int.from_bytes(head[1:]) - 4)


async def _copy(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK_BYTES):
        target.write(chunk)
        await target.drain()
