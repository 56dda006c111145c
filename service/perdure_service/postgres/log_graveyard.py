"""Throwing away log lines: deleted ones, those past their group's retention, and the oldest of
groups that have grown too large. A few thousand at a time, each statement a transaction."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg

from perdure_service.domain.errors import Unavailable
from perdure_service.domain.function_logs import LINE_OVERHEAD_BYTES
from perdure_service.domain.instant import Instant, after
from perdure_service.ports.function_logs import Purged
from perdure_service.postgres.arrays import OneInstant
from perdure_service.postgres.connection import Connection, connect

MAX_LINES = 5_000

_PASS_TIMEOUT_SECONDS = 60.0
_SOURCE_SECONDS = 86_400
"""So long a worker may hold on to a batch whose answer was lost."""

_GONE = f"""
gone AS (
  DELETE FROM log_line l USING old WHERE (l.group_id, l.id) = (old.group_id, old.id)
  RETURNING l.group_id, octet_length(l.message) + {LINE_OVERHEAD_BYTES} AS size),
sizes AS (SELECT group_id, sum(size) AS size FROM gone GROUP BY group_id),
shrunk AS MATERIALIZED (
  SELECT id, size FROM log_group JOIN sizes ON group_id = id
   ORDER BY name COLLATE "C" FOR UPDATE OF log_group),
counted AS (
  UPDATE log_group g SET stored_bytes = greatest(0, g.stored_bytes - shrunk.size)
    FROM shrunk WHERE g.id = shrunk.id)
SELECT count(*) FROM gone"""
"""Groups are locked in the order in which writers lock them: no deadlocks."""

EXPIRED = f"""
WITH old AS MATERIALIZED (
  SELECT g.id AS group_id, l.id FROM log_group g CROSS JOIN LATERAL (
    SELECT id FROM log_line WHERE group_id = g.id
       AND at < %(now)s - make_interval(days => coalesce(g.retention_days, %(default)s))
     ORDER BY at LIMIT {MAX_LINES}) l
   LIMIT {MAX_LINES}),
{_GONE}"""
DELETED = f"""
WITH old AS MATERIALIZED (
  (SELECT g.id AS group_id, l.id FROM log_group g CROSS JOIN LATERAL (
     SELECT id FROM log_line WHERE group_id = g.id LIMIT {MAX_LINES}) l
    WHERE g.deleted_at IS NOT NULL LIMIT {MAX_LINES})
  UNION
  (SELECT s.group_id, l.id FROM log_stream s CROSS JOIN LATERAL (
     SELECT id FROM log_line WHERE stream_id = s.id ORDER BY at LIMIT {MAX_LINES}) l
    WHERE s.deleted_at IS NOT NULL LIMIT {MAX_LINES})),
{_GONE}"""
OVER_SIZE = f"""
WITH large AS MATERIALIZED (
  SELECT id, stored_bytes - %(most)s AS over FROM log_group
   WHERE stored_bytes > %(most)s AND deleted_at IS NULL),
oldest AS MATERIALIZED (
  SELECT large.id AS group_id, l.id, over,
         sum(l.size) OVER (PARTITION BY large.id ORDER BY l.id) - l.size AS before
    FROM large CROSS JOIN LATERAL (
    SELECT id, octet_length(message) + {LINE_OVERHEAD_BYTES} AS size FROM log_line
     WHERE group_id = large.id ORDER BY id LIMIT {MAX_LINES}) l),
old AS MATERIALIZED (SELECT group_id, id FROM oldest WHERE before < over),
{_GONE}"""
"""No more than what is over."""

_LARGE = (
    "SELECT name FROM log_group WHERE stored_bytes > %(most)s AND deleted_at IS NULL ORDER BY name"
)
_EMPTY_STREAMS = f"""
DELETE FROM log_stream WHERE id IN (
  SELECT s.id FROM log_stream s JOIN log_group g ON g.id = s.group_id
   WHERE (s.deleted_at IS NOT NULL OR g.deleted_at IS NOT NULL OR s.ingested_at
          < %(now)s - make_interval(days => coalesce(g.retention_days, %(default)s)))
     AND NOT EXISTS (SELECT FROM log_line l WHERE l.stream_id = s.id)
   LIMIT {MAX_LINES})"""
_EMPTY_GROUPS = """
DELETE FROM log_group g WHERE deleted_at IS NOT NULL
   AND NOT EXISTS (SELECT FROM log_line l WHERE l.group_id = g.id)
   AND NOT EXISTS (SELECT FROM log_stream s WHERE s.group_id = g.id)"""
_SILENT_SOURCES = "DELETE FROM log_source WHERE seen_at < %(silent)s"


class PostgresLogGraveyard:
    """Implements `ports.function_logs.LogGraveyard`, on a connection per pass."""

    def __init__(self, url: str) -> None:
        self._url = url

    async def purge(self, now: Instant, *, default_days: int, max_group_bytes: int) -> Purged:
        given = {
            "now": OneInstant(now),
            "silent": OneInstant(after(now, -_SOURCE_SECONDS)),
            "default": default_days,
            "most": max_group_bytes,
        }
        try:
            async with (
                asyncio.timeout(_PASS_TIMEOUT_SECONDS),
                await connect(self._url, name="log purges", writer=True) as connection,
            ):
                return await _purge(connection, given)
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
            raise Unavailable(f"The database cannot purge logs now: {error}") from error


async def _purge(connection: Connection, given: dict[str, Any]) -> Purged:
    cursor = await connection.execute(_LARGE, given)
    large = [row[0] for row in await cursor.fetchall()]
    counts = []
    for statement in (DELETED, EXPIRED, OVER_SIZE):
        row = await (await connection.execute(statement, given)).fetchone()
        assert row is not None
        counts.append(int(row[0]))
    for statement in (_EMPTY_STREAMS, _EMPTY_GROUPS, _SILENT_SOURCES):
        await connection.execute(statement, given)
    return Purged(sum(counts), large, is_more=max(counts) >= MAX_LINES)
