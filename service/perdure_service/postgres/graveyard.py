"""Purging: executions whose time is over are deleted, with all their rows.

Two statements in one transaction, so that the second sees all that was written before the rows were
locked. The lock is the one that an append takes, which skips locked rows as well: an execution is
appended to or purged, and an append that comes later finds no row, so nothing brings it back.
"""

from __future__ import annotations

import asyncio

import psycopg

from perdure_service.domain.errors import Unavailable
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import Instant
from perdure_service.ports.retention import Purged
from perdure_service.postgres.arrays import Int2s, OneInstant, Uuids
from perdure_service.postgres.connection import Connection, connect

MAX_EXECUTIONS = 500
MAX_EVENTS = 5_000

DUE = f"""
WITH due AS MATERIALIZED (
  SELECT part, id, last_event_id, purge_at FROM execution e
   WHERE purge_at <= %(now)s
     AND NOT EXISTS (SELECT FROM notice n WHERE (n.part, n.parent_id, n.operation_id)
                                              = (e.part, e.parent_id, e.parent_operation_id))
   ORDER BY purge_at LIMIT {MAX_EXECUTIONS} FOR UPDATE SKIP LOCKED)
SELECT part, id, sum(last_event_id) OVER (ORDER BY purge_at, id) - last_event_id AS events_before
  FROM due"""
"""Locked, the longest overdue first; with the number of events that those before it hold."""

_GONE = "unnest(%(parts)s::smallint[], %(ids)s::uuid[]) AS gone(part, id)"
_OWNED = f"USING {_GONE} WHERE (x.part, x.execution_id) = (gone.part, gone.id)"

PURGE = f"""
WITH events AS (DELETE FROM event x {_OWNED}),
     names AS (DELETE FROM execution_name x {_OWNED}),
     timers AS (DELETE FROM timer x {_OWNED}),
     callbacks AS (DELETE FROM callback x {_OWNED}),
     invocations AS (DELETE FROM invocation x {_OWNED}),
     notices AS (DELETE FROM notice x USING {_GONE}
                  WHERE (x.part, x.parent_id) = (gone.part, gone.id))
DELETE FROM execution x USING {_GONE} WHERE (x.part, x.id) = (gone.part, gone.id)"""

NEXT = """
SELECT EXISTS (SELECT FROM execution WHERE purge_at <= %(now)s),
       (SELECT min(purge_at) FROM execution WHERE purge_at > %(now)s)"""

_PASS_TIMEOUT_SECONDS = 60.0


class PostgresGraveyard:
    """Implements `ports.retention.Graveyard`, on a connection per pass: passes are seldom."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def purge(self, now: Instant) -> Purged:
        try:
            async with (
                asyncio.timeout(_PASS_TIMEOUT_SECONDS),
                await connect(self._url, name="purges", writer=True) as connection,
            ):
                return await _purge(connection, {"now": OneInstant(now)})
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
            raise Unavailable(f"The database cannot purge now: {error}") from error


async def _purge(connection: Connection, moment: dict[str, OneInstant]) -> Purged:
    async with connection.transaction():
        cursor = await connection.execute(DUE, moment, binary=True)
        due = await cursor.fetchall()
        gone = [(part, id_) for part, id_, events_before in due if events_before < MAX_EVENTS]
        if gone:
            parts, ids = zip(*gone, strict=True)
            await connection.execute(PURGE, {"parts": Int2s(parts), "ids": Uuids(ids)})
    row = await (await connection.execute(NEXT, moment, binary=True)).fetchone()
    assert row is not None
    return Purged([ExecutionId(id_) for _, id_ in gone], is_more=row[0], next_at=row[1])
