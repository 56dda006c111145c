"""Keeping what functions write, on a connection of its own: nothing that an execution waits for
stands behind a log.

Batches that arrive while one is being written go out together. Writers of all replicas take turns,
by an advisory lock: so the ids of lines become visible in their order, and whoever reads on after
an id misses nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import replace

import psycopg

from perdure_service.domain.errors import InvalidParameterValue, Unavailable
from perdure_service.domain.function_logs import (
    LogBatch,
    LogChunk,
    LogLine,
    attributed,
)
from perdure_service.domain.ids import WorkerId
from perdure_service.domain.instant import Instant, after
from perdure_service.ports.clock import Clock
from perdure_service.postgres.arrays import Blobs, Instants, Int4s, Int8s, OneInstant, Texts, Uuids
from perdure_service.postgres.connection import Connection, connect
from perdure_service.postgres.lane import Lane, LostFlush

logger = logging.getLogger(__name__)

MAX_WAITING_BYTES = 64 * 1024 * 1024

_MAX_WAITING = 10_000
_MAX_FLUSH_BYTES = 1024 * 1024
_LINES_AT_ONCE = 500
_FLUSH_SECONDS = 30.0
_FUTURE_SECONDS = 300.0
"""A worker's clock may be so far ahead; a line that claims more is of now."""

_TAKE_TURN = "SELECT pg_advisory_xact_lock(7031879)"
_SOURCES = """
INSERT INTO log_source AS s (id, last_batch, seen_at)
SELECT id, batch, %(now)s FROM unnest(%(ids)s::uuid[], %(batches)s::bigint[]) AS given(id, batch)
    ON CONFLICT (id) DO UPDATE SET last_batch = excluded.last_batch, seen_at = excluded.seen_at
 WHERE s.last_batch < excluded.last_batch
RETURNING id"""
"""Those whose batch was not kept before."""
_GROUPS = """
INSERT INTO log_group AS g (account, name, created_at, stored_bytes)
SELECT %(account)s, name, %(now)s, size FROM unnest(%(names)s::text[], %(sizes)s::bigint[])
    AS given(name, size)
    ON CONFLICT (account, name) WHERE deleted_at IS NULL
    DO UPDATE SET stored_bytes = g.stored_bytes + excluded.stored_bytes
RETURNING name, id"""
_STREAMS = """
INSERT INTO log_stream AS s
       (group_id, name, created_at, first_at, last_at, ingested_at, stored_bytes)
SELECT group_id, name, %(now)s, first_at, last_at, %(now)s, size
  FROM unnest(%(groups)s::int[], %(names)s::text[], %(first)s::timestamptz[],
              %(last)s::timestamptz[], %(sizes)s::bigint[])
    AS given(group_id, name, first_at, last_at, size)
    ON CONFLICT (group_id, name) WHERE deleted_at IS NULL
    DO UPDATE SET first_at = least(s.first_at, excluded.first_at),
                  last_at = greatest(s.last_at, excluded.last_at),
                  ingested_at = excluded.ingested_at,
                  stored_bytes = s.stored_bytes + excluded.stored_bytes
RETURNING group_id, name, id"""
_LINES = """
INSERT INTO log_line
       (group_id, stream_id, at, ingested_at, request_id, execution_id, operation_id, message)
SELECT group_id, stream_id, at, %(now)s, request_id, execution_id, operation_id, message
  FROM unnest(%(groups)s::int[], %(streams)s::bigint[], %(at)s::timestamptz[],
              %(requests)s::uuid[], %(executions)s::uuid[], %(operations)s::text[],
              %(messages)s::bytea[]) WITH ORDINALITY
    AS given(group_id, stream_id, at, request_id, execution_id, operation_id, message, place)
 ORDER BY place"""


class _Waiting:
    """A batch and those who wait for it; nobody does for what was written in passing."""

    def __init__(self, batch: LogBatch) -> None:
        self.batch = batch
        self.size_bytes = batch.size_bytes
        self.kept: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.is_awaited = True

    def fail(self, error: Exception) -> None:
        if not self.kept.done():
            self.kept.set_exception(error)
            if not self.is_awaited:
                self.kept.exception()


class LogWriter:
    """Implements `ports.function_logs.LogIntake`. `on_written` is told how many bytes were."""

    def __init__(self, url: str, clock: Clock, account: str) -> None:
        self._url = url
        self._clock = clock
        self._account = account
        self._lane: Lane[_Waiting] = Lane(self._flush, _MAX_WAITING)
        self._waiting_bytes = 0
        self._numbered: dict[tuple[WorkerId, int], _Waiting] = {}
        self._connection: Connection | None = None
        self._news = asyncio.Event()
        self.on_written: Callable[[int], None] = lambda size_bytes: None

    async def keep(self, batch: LogBatch) -> None:
        key = (batch.source, batch.number) if batch.source is not None else None
        waiting = self._numbered.get(key) if key else None
        if waiting is None:
            waiting = self._put(batch)
            if key is not None:
                self._numbered[key] = waiting
                waiting.kept.add_done_callback(lambda _: self._numbered.pop(key, None))
        await asyncio.shield(waiting.kept)

    def write(self, chunk: LogChunk) -> None:
        try:
            self._put(LogBatch((chunk,))).is_awaited = False
        except Unavailable:
            logger.warning("lines of %s are lost: too many wait", chunk.group)

    @property
    def news(self) -> asyncio.Event:
        return self._news

    async def run(self) -> None:
        try:
            await self._lane.run()
        finally:
            await self._close()

    def _put(self, batch: LogBatch) -> _Waiting:
        waiting = _Waiting(batch)
        if self._waiting_bytes + waiting.size_bytes > MAX_WAITING_BYTES:
            raise Unavailable("Too many log lines wait to be stored. Repeat the same request.")
        self._lane.put(waiting)
        self._waiting_bytes += waiting.size_bytes
        return waiting

    async def _flush(self) -> None:
        taken = self._take()
        try:
            async with asyncio.timeout(_FLUSH_SECONDS):
                connection = await self._open()
                await self._store(connection, taken)
        except asyncio.CancelledError:
            await self._close()
            raise
        except Exception as error:
            # Logs must not end the service, whatever it is.
            if not isinstance(error, psycopg.Error | TimeoutError):
                logger.exception("log lines could not be stored")
            await self._close()
            away = Unavailable("The database cannot be reached now. Repeat the same request.")
            for waiting in taken:
                waiting.fail(away)
            raise LostFlush(str(error)) from error
        for waiting in taken:
            if not waiting.kept.done():
                waiting.kept.set_result(None)
        self.on_written(sum(waiting.size_bytes for waiting in taken))
        news, self._news = self._news, asyncio.Event()
        news.set()

    def _take(self) -> list[_Waiting]:
        """At most one numbered batch of each source: the order of their numbers counts."""
        taken: list[_Waiting] = []
        sources: set[WorkerId] = set()
        size = 0
        while self._lane.waiting and size < _MAX_FLUSH_BYTES:
            source = self._lane.waiting[0].batch.source
            if source is not None and source in sources:
                break
            waiting = self._lane.waiting.popleft()
            if source is not None:
                sources.add(source)
            size += waiting.size_bytes
            taken.append(waiting)
        self._waiting_bytes -= size
        return taken

    async def _store(self, connection: Connection, taken: Sequence[_Waiting]) -> None:
        """All of them; if Postgres refuses a value in one, the others by themselves."""
        try:
            await self._store_together(connection, [waiting.batch for waiting in taken])
        except (psycopg.DataError, psycopg.IntegrityError) as error:
            if len(taken) == 1:
                logger.warning("log lines cannot be stored: %s", error)
                taken[0].fail(InvalidParameterValue(f"These lines cannot be stored: {error}"))
                return
            for waiting in taken:
                await self._store(connection, [waiting])

    async def _store_together(self, connection: Connection, batches: Sequence[LogBatch]) -> None:
        now = self._clock.now()
        async with connection.transaction():
            await connection.execute(_TAKE_TURN)
            chunks = await self._fresh_chunks(connection, batches, now)
            if chunks:
                await self._store_chunks(connection, chunks, now)

    async def _fresh_chunks(
        self, connection: Connection, batches: Sequence[LogBatch], now: Instant
    ) -> list[LogChunk]:
        numbered = [batch for batch in batches if batch.source is not None]
        fresh: set[str] = set()
        if numbered:
            given = {
                "now": OneInstant(now),
                "ids": Uuids([batch.source for batch in numbered]),
                "batches": Int8s([batch.number for batch in numbered]),
            }
            cursor = await connection.execute(_SOURCES, given, binary=True)
            fresh = {row[0] for row in await cursor.fetchall()}
        return [
            _timely(chunk, now)
            for batch in batches
            if batch.source is None or batch.source in fresh
            for chunk in batch.chunks
            if chunk.lines
        ]

    async def _store_chunks(
        self, connection: Connection, chunks: Sequence[LogChunk], now: Instant
    ) -> None:
        streams: dict[tuple[str, str], list[LogChunk]] = {}
        for chunk in chunks:
            streams.setdefault((chunk.group, chunk.stream), []).append(chunk)
        keys = sorted(streams)  # the same order everywhere: no deadlocks
        sizes = [sum(chunk.size_bytes for chunk in streams[key]) for key in keys]
        group_sizes: dict[str, int] = {}
        for (group, _), size in zip(keys, sizes, strict=True):
            group_sizes[group] = group_sizes.get(group, 0) + size
        given_groups = {
            "account": self._account,
            "now": OneInstant(now),
            "names": Texts(list(group_sizes)),
            "sizes": Int8s(list(group_sizes.values())),
        }
        cursor = await connection.execute(_GROUPS, given_groups, binary=True)
        group_ids: dict[str, int] = dict(await cursor.fetchall())
        times = [[line.at for chunk in streams[key] for line in chunk.lines] for key in keys]
        given_streams = {
            "now": OneInstant(now),
            "groups": Int4s([group_ids[group] for group, _ in keys]),
            "names": Texts([name for _, name in keys]),
            "first": Instants(list(map(min, times))),
            "last": Instants(list(map(max, times))),
            "sizes": Int8s(sizes),
        }
        cursor = await connection.execute(_STREAMS, given_streams, binary=True)
        stream_ids = {(group, name): id_ for group, name, id_ in await cursor.fetchall()}
        owners = [
            (group_ids[chunk.group], stream_ids[group_ids[chunk.group], chunk.stream])
            for chunk in chunks
            for _ in chunk.lines
        ]
        lines = await _attributed([line for chunk in chunks for line in chunk.lines])
        given_lines = {
            "now": OneInstant(now),
            "groups": Int4s([group for group, _ in owners]),
            "streams": Int8s([stream for _, stream in owners]),
            "at": Instants([line.at for line in lines]),
            "requests": Uuids([line.request_id for line in lines]),
            "executions": Uuids([line.execution_id for line in lines]),
            "operations": Texts([line.operation_id for line in lines]),
            "messages": Blobs([line.message for line in lines]),
        }
        await connection.execute(_LINES, given_lines)

    async def _open(self) -> Connection:
        if self._connection is None or self._connection.closed:
            self._connection = await connect(self._url, name="logs", writer=True)
        return self._connection

    async def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


async def _attributed(lines: Sequence[LogLine]) -> list[LogLine]:
    """Reading structured lines takes time that others need as well: a part at a time."""
    seen: list[LogLine] = []
    for start in range(0, len(lines), _LINES_AT_ONCE):
        seen += map(attributed, lines[start : start + _LINES_AT_ONCE])
        await asyncio.sleep(0)
    return seen


def _timely(chunk: LogChunk, now: Instant) -> LogChunk:
    """Lines that claim to be of the future are of now."""
    latest = after(now, _FUTURE_SECONDS)
    if all(line.at <= latest for line in chunk.lines):
        return chunk
    lines = [line if line.at <= latest else replace(line, at=now) for line in chunk.lines]
    return replace(chunk, lines=lines)
