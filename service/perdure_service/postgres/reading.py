"""Reading executions: whole, what is new since a cached state, or a stretch of the log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import psycopg

from perdure_service.domain.errors import ResourceNotFound, Unavailable
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Ledger
from perdure_service.domain.folding import fold
from perdure_service.domain.ids import ExecutionId, part_of
from perdure_service.domain.instant import Instant
from perdure_service.postgres.arrays import Int2s, Int4s, Uuids
from perdure_service.postgres.codec import (
    EVENT_COLUMNS,
    IDENTITY_COLUMNS,
    IDENTITY_WIDTH,
    LEDGER_COLUMNS,
    LEDGER_WIDTH,
    decode_event,
    decode_identity,
    decode_ledger,
)
from perdure_service.postgres.connection import Connection, connect

_HEARTBEATS = (
    "(SELECT jsonb_object_agg(operation_id, (extract(epoch FROM due_at) * 1000000)::bigint)"
    " FROM timer t WHERE (t.part, t.execution_id) = (e.part, e.id)"
    " AND t.kind = 'callback heartbeat')"
)
_ROW = (
    f"SELECT {IDENTITY_COLUMNS}, {LEDGER_COLUMNS}, last_event_id, {_HEARTBEATS}"
    " FROM execution e WHERE part = %s AND id = %s"
)
_SINCE = (
    f"SELECT {LEDGER_COLUMNS}, last_event_id, {_HEARTBEATS}"
    " FROM execution e WHERE part = %s AND id = %s"
)
_OF_ONE = "FROM event WHERE part = %s AND execution_id = %s AND event_id > %s AND event_id <= %s"
# Of a reason, which is small, an answer says at least whether there is one.
_BARE_COLUMNS = EVENT_COLUMNS.replace(
    "payload", "CASE WHEN type IN ('ExecutionPaused', 'ExecutionResumed') THEN payload END"
)
_EVENTS = "SELECT {columns} {of_one} ORDER BY event_id {order} LIMIT %s"
# The sizes are known without reading what is stored out of line.
_SIZED_EVENTS = """
SELECT {columns} FROM (
    SELECT {columns}, row_number() OVER by_id AS place,
           sum(coalesce(octet_length(payload), 0) + coalesce(octet_length(error), 0)) OVER by_id
               AS size
    {of_one} WINDOW by_id AS (ORDER BY event_id {order}) LIMIT %s
) AS sized WHERE place = 1 OR size <= %s ORDER BY event_id {order}
"""


def _both_ways(query: str, columns: str = EVENT_COLUMNS) -> tuple[str, str]:
    """Oldest first, newest first."""
    ascending, descending = (
        query.format(columns=columns, of_one=_OF_ONE, order=order) for order in ("ASC", "DESC")
    )
    return ascending, descending


_WHOLE = _both_ways(_EVENTS)
_BARE = _both_ways(_EVENTS, _BARE_COLUMNS)
_SIZED = _both_ways(_SIZED_EVENTS)
_ALL = 2**31 - 1

_MANY_ROWS = (
    f"SELECT {IDENTITY_COLUMNS}, {LEDGER_COLUMNS}, last_event_id, {_HEARTBEATS}"
    " FROM execution e WHERE (part, id) IN (SELECT * FROM unnest(%s::smallint[], %s::uuid[]))"
)
_MANY_EVENTS = (
    f"SELECT execution_id, {EVENT_COLUMNS}"
    " FROM unnest(%s::smallint[], %s::uuid[], %s::int[]) AS w(part, id, upto)"
    " JOIN event ON event.part = w.part AND execution_id = w.id AND event_id <= upto"
    " ORDER BY execution_id, event_id"
)

_FOLD_OFF_LOOP_EVENTS = 1_000


class ReadPool:
    """A few connections for reads, opened on demand and dropped when they fail."""

    def __init__(self, url: str, size: int, timeout_seconds: float = 10.0) -> None:
        self._url = url
        self._idle: list[Connection] = []
        self._slots = asyncio.Semaphore(size)
        self._timeout_seconds = timeout_seconds

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Raises Unavailable if none is free in time or Postgres fails."""
        try:
            async with asyncio.timeout(self._timeout_seconds), self._slots:
                connection = self._idle.pop() if self._idle else None
                try:
                    if connection is None or connection.closed:
                        connection = await connect(self._url, name="reads")
                    yield connection
                except BaseException:
                    if connection is not None:
                        await connection.close()
                    raise
                self._idle.append(connection)
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
            await self.close()  # what ended one connection has mostly ended them all
            raise Unavailable(
                "The database cannot be reached now. Repeat the same request."
            ) from error

    async def close(self) -> None:
        while self._idle:
            await self._idle.pop().close()


class ExecutionReader:
    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def load(self, id_: ExecutionId) -> Execution:
        """The whole execution. Raises ResourceNotFound, Unavailable."""
        row = await self._one(_ROW, id_)
        identity = decode_identity(row[:IDENTITY_WIDTH])
        start = Execution(identity=identity)
        return await self._fold_onto(start, row[IDENTITY_WIDTH:])

    async def load_many(self, ids: Sequence[ExecutionId]) -> list[Execution]:
        """Those of `ids` that exist, in two statements. Raises Unavailable."""
        async with self._pool.connection() as connection:
            keys = (Int2s([part_of(id_) for id_ in ids]), Uuids(ids))
            rows = await (await connection.execute(_MANY_ROWS, keys, binary=True)).fetchall()
            wanted = (
                Int2s([part_of(row[0]) for row in rows]),
                Uuids([row[0] for row in rows]),
                Int4s([row[IDENTITY_WIDTH + LEDGER_WIDTH] for row in rows]),
            )
            cursor = await connection.execute(_MANY_EVENTS, wanted, binary=True)
            events: dict[str, list[Event]] = {}
            for execution_id, *event in await cursor.fetchall():
                events.setdefault(execution_id, []).append(decode_event(event))
        return [
            fold(
                Execution(identity=decode_identity(row[:IDENTITY_WIDTH])),
                events.get(row[0], []),
                decode_ledger(row[IDENTITY_WIDTH : IDENTITY_WIDTH + LEDGER_WIDTH]),
                _heartbeats(row[-1]),
            )
            for row in rows
        ]

    async def catch_up(self, cached: Execution) -> Execution:
        """`cached` with what was appended since; whole again if the log was rolled back under it,
        as by a restore. Raises ResourceNotFound, Unavailable."""
        row = await self._one(_SINCE, cached.id)
        version, nonce = row[0], row[1]
        ledger = cached.ledger
        if version == ledger.version and nonce == ledger.nonce:
            return cached
        if version <= ledger.version:
            return await self.load(cached.id)
        return await self._fold_onto(cached, row)

    async def at(self, id_: ExecutionId, event_id: int) -> Execution:
        """The fold of the first `event_id` events. Raises ResourceNotFound, Unavailable."""
        row = await self._one(_ROW, id_)
        start = Execution(identity=decode_identity(row[:IDENTITY_WIDTH]))
        return await self._fold(start, event_id, Ledger(), {})

    async def events(
        self,
        id_: ExecutionId,
        *,
        after: int,
        upto: int,
        limit: int,
        reverse: bool,
        payloads: bool = True,
        max_bytes: int | None = None,
    ) -> list[Event]:
        """As `ports.log.ExecutionLog.events`. Raises Unavailable."""
        parameters: tuple[object, ...] = (part_of(id_), id_, after, upto, limit)
        queries = _WHOLE if payloads else _BARE
        if payloads and max_bytes is not None:
            queries, parameters = _SIZED, (*parameters, max_bytes)
        async with self._pool.connection() as connection:
            cursor = await connection.execute(queries[reverse], parameters, binary=True)
            rows = await cursor.fetchall()
        return [decode_event(row) for row in rows]

    async def _one(self, query: str, id_: ExecutionId) -> Sequence[Any]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, (part_of(id_), id_), binary=True)
            row = await cursor.fetchone()
        if row is None:
            raise ResourceNotFound(f"Durable Execution does not exist: {id_}")
        return row

    async def _fold_onto(self, state: Execution, row: Sequence[Any]) -> Execution:
        ledger = decode_ledger(row[:LEDGER_WIDTH])
        last_event_id, heartbeats = row[LEDGER_WIDTH:]
        return await self._fold(state, last_event_id, ledger, _heartbeats(heartbeats))

    async def _fold(
        self, state: Execution, upto: int, ledger: Ledger, heartbeats: dict[str, Instant]
    ) -> Execution:
        """The log is insert-only: events up to `upto`, read later, are those of that moment."""
        events: list[Event] = []
        if upto > state.last_event_id:
            events = await self.events(
                state.id, after=state.last_event_id, upto=upto, limit=_ALL, reverse=False
            )
        if len(events) < upto - state.last_event_id:
            raise ResourceNotFound(f"Durable Execution does not exist: {state.id}")
        if len(events) > _FOLD_OFF_LOOP_EVENTS:
            return await asyncio.to_thread(fold, state, events, ledger, heartbeats)
        return fold(state, events, ledger, heartbeats)


def _heartbeats(timers: Mapping[str, int] | None) -> dict[str, Instant]:
    return {operation_id: Instant(at) for operation_id, at in (timers or {}).items()}
