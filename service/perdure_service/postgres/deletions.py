"""Deleted versions in Postgres: a row each, until nothing of them is open."""

from __future__ import annotations

from collections.abc import Sequence

from perdure_service.domain.ids import ExecutionId, FunctionVersionId
from perdure_service.domain.instant import Instant
from perdure_service.ports.deletions import Deletion, Position, Stretch
from perdure_service.postgres.instants import from_datetime, to_datetime
from perdure_service.postgres.reading import ReadPool

STRETCH_EXECUTIONS = 1_000
_FUNCTIONS = 100

FIND = """
SELECT account, function_name, array_agg(id::text), max(deleted_at) FROM deleted_version
 WHERE (account, function_name) > (%(account)s, %(name)s)
 GROUP BY account, function_name ORDER BY account, function_name LIMIT %(limit)s"""

DURABLE = """
WITH stretch AS MATERIALIZED (
  SELECT id, started_at, ended_at, function_version_id FROM execution
   WHERE account = %(account)s AND function_name = %(name)s AND durable
     AND (started_at, id) < (%(started_at)s::timestamptz, %(id)s::uuid)
   ORDER BY started_at DESC, id DESC LIMIT %(limit)s)
SELECT id, started_at, ended_at IS NULL AND function_version_id = ANY(%(versions)s::uuid[])
  FROM stretch ORDER BY started_at DESC, id DESC"""
"""By the index that lists executions of a function. What one statement reads is bounded, however
much of it has ended."""

INVOKED = """
SELECT execution_id FROM invocation
 WHERE function_version_id = ANY(%(versions)s::uuid[]) AND execution_id > %(id)s::uuid
 ORDER BY execution_id LIMIT %(limit)s"""

SETTLE = "DELETE FROM deleted_version WHERE id = ANY(%(versions)s::uuid[])"

_NEWEST = (Instant(253_402_300_799_000_000), ExecutionId("ffffffff-ffff-ffff-ffff-ffffffffffff"))
_LEAST_ID = ExecutionId("00000000-0000-0000-0000-000000000000")


class PostgresDeletions:
    """Implements `ports.deletions.Deletions`."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def find(self, after: Deletion | None) -> Sequence[Deletion]:
        account, name = ("", "") if after is None else (after.account, after.function_name)
        parameters = {"account": account, "name": name, "limit": _FUNCTIONS}
        async with self._pool.connection() as connection:
            cursor = await connection.execute(FIND, parameters)
            rows = await cursor.fetchall()
        return [
            Deletion(
                account, name, tuple(FunctionVersionId(id_) for id_ in ids), from_datetime(latest)
            )
            for account, name, ids, latest in rows
        ]

    async def durable(self, deletion: Deletion, position: Position | None) -> Stretch:
        started_at, id_ = position or _NEWEST
        parameters = {
            "account": deletion.account,
            "name": deletion.function_name,
            "versions": list(deletion.version_ids),
            "started_at": to_datetime(started_at),
            "id": id_,
            "limit": STRETCH_EXECUTIONS,
        }
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(DURABLE, parameters)).fetchall()
        ids = [ExecutionId(str(id_)) for id_, _, is_open in rows if is_open]
        if len(rows) < STRETCH_EXECUTIONS:
            return Stretch(ids, None)
        last_id, last_started_at, _ = rows[-1]
        return Stretch(ids, (from_datetime(last_started_at), ExecutionId(str(last_id))))

    async def invoked(self, deletion: Deletion, after: ExecutionId | None) -> Sequence[ExecutionId]:
        parameters = {
            "versions": list(deletion.version_ids),
            "id": after or _LEAST_ID,
            "limit": STRETCH_EXECUTIONS,
        }
        async with self._pool.connection() as connection:
            rows = await (await connection.execute(INVOKED, parameters)).fetchall()
        return [ExecutionId(str(id_)) for (id_,) in rows]

    async def settle(self, deletion: Deletion) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(SETTLE, {"versions": list(deletion.version_ids)})
