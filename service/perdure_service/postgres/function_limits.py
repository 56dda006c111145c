"""Reserved concurrency in Postgres: who has a limit, and how much of it is left.

A limit is kept by counting what runs, the claimed rows of the queue, under a lock on the function's
row that is held until the claim is committed: there is no counter that could go wrong, and whatever
ends an invocation, a lease too, gives back what it took. See docs/adr/0022.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perdure_service.postgres.arrays import Texts
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.statement import Statement

_WITH_LIMIT = "FROM function WHERE reserved_concurrency IS NOT NULL"

LIMITED = f"SELECT name {_WITH_LIMIT}"
"""The functions that have a limit. What is claimed without counting must be of none of them."""

READ_LIMITS = f"SELECT name, reserved_concurrency {_WITH_LIMIT}"

_LOCK = """
SELECT 1 FROM function WHERE (account, name) IN (SELECT * FROM unnest($1::text[], $2::text[]))
 ORDER BY account, name FOR UPDATE"""

# A statement of its own: it sees what was committed by those who held the lock before.
_COUNT = """
WITH wanted AS MATERIALIZED (
  SELECT * FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS w(account, name, n)),
running AS MATERIALIZED (
  SELECT v.account, v.function_name, count(*) AS count
    FROM invocation i JOIN function_version v ON v.id = i.function_version_id
   WHERE i.worker_id IS NOT NULL
     AND ((v.account, v.function_name) IN (SELECT account, name FROM wanted)) IS TRUE
   GROUP BY v.account, v.function_name)
SELECT CASE WHEN f.reserved_concurrency IS NULL THEN 2147483647
            ELSE f.reserved_concurrency - coalesce(r.count, 0) END::int
  FROM wanted w
  LEFT JOIN function f ON (f.account, f.name) = (w.account, w.name)
  LEFT JOIN running r ON (r.account, r.function_name) = (w.account, w.name)
 ORDER BY w.n"""


class PostgresLimits:
    """Implements `ports.function_limits.FunctionLimits`."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool
        self._limits: Mapping[str, int] = {}

    def of(self, function_name: str) -> int | None:
        return self._limits.get(function_name)

    def see(self, limits: Mapping[str, int]) -> None:
        """They were just read."""
        self._limits = limits

    async def look(self) -> None:
        """Read them now. Raises Unavailable."""
        async with self._pool.connection() as connection:
            cursor = await connection.execute(READ_LIMITS, binary=True)
            self.see(dict(await cursor.fetchall()))


def lock(functions: Sequence[tuple[str, str]]) -> Statement:
    """Locks the rows of these, accounts and names, until the transaction ends."""
    return _about(_LOCK, functions)


def count(functions: Sequence[tuple[str, str]]) -> Statement:
    """Answers how many more invocations of each may begin; perhaps less than none."""
    return _about(_COUNT, functions)


def _about(sql: str, functions: Sequence[tuple[str, str]]) -> Statement:
    return Statement(
        sql, (Texts.oid, Texts.oid), [Texts.pack(part) for part in zip(*functions, strict=True)]
    )
