"""The table of workers. Registering writes what a worker serves, the look when it was last seen."""

from __future__ import annotations

import json
from collections.abc import Hashable

from perdure_service.domain.ids import WorkerId
from perdure_service.domain.instant import Instant
from perdure_service.ports.clock import Clock
from perdure_service.ports.worker_register import RegisteredWorker
from perdure_service.ports.workers import Pool, WorkerCard
from perdure_service.postgres.arrays import OneInstant, Texts
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.shared_look import SharedLook

_ENTER = """
WITH forgotten AS (
  DELETE FROM worker WHERE seen_at < %(now)s - interval '7 days' AND id <> %(id)s)
INSERT INTO worker AS w
    (id, host, pid, seen_at, function_names, pools, pool_concurrency, registered_at)
VALUES (%(id)s, %(host)s, %(pid)s, %(now)s, %(functions)s, %(pools)s::jsonb, %(concurrency)s,
    %(now)s)
ON CONFLICT (id) DO UPDATE SET
    host = excluded.host, pid = excluded.pid, seen_at = greatest(w.seen_at, excluded.seen_at),
    function_names = excluded.function_names, pools = excluded.pools,
    pool_concurrency = excluded.pool_concurrency, left_at = NULL,
    registered_at = coalesce(w.registered_at, excluded.registered_at)
"""

_CROSS_OUT = "UPDATE worker SET left_at = %(now)s WHERE id = %(id)s"

_PRESENT = """
SELECT id, host, pid, function_names, pools, pool_concurrency, registered_at, seen_at,
       (SELECT count(*) FROM invocation i WHERE i.worker_id = w.id)
  FROM worker w
 WHERE seen_at >= %(since)s AND registered_at IS NOT NULL AND left_at IS NULL
 ORDER BY registered_at, id LIMIT %(limit)s
"""

_RUNTIMES = "SELECT DISTINCT jsonb_object_keys(pools) FROM worker WHERE seen_at >= %(since)s"


class PostgresWorkerRegister:
    """Implements `ports.worker_register.WorkerRegister`."""

    def __init__(self, pool: ReadPool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._shared: SharedLook[Hashable, frozenset[str]] = SharedLook()

    async def enter(self, card: WorkerCard) -> None:
        parameters = {
            "id": card.id,
            "host": card.host,
            "pid": card.pid,
            "now": OneInstant(self._clock.now()),
            "functions": Texts(card.function_names),
            "pools": json.dumps({pool.runtime: pool.interpreter for pool in card.pools}),
            "concurrency": card.pool_concurrency,
        }
        async with self._pool.connection() as connection:
            await connection.execute(_ENTER, parameters)

    async def cross_out(self, id_: WorkerId) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(_CROSS_OUT, {"id": id_, "now": OneInstant(self._clock.now())})

    async def present(self, since: Instant, *, limit: int) -> list[RegisteredWorker]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                _PRESENT, {"since": OneInstant(since), "limit": limit}, binary=True
            )
            rows = await cursor.fetchall()
        return [
            RegisteredWorker(
                card=WorkerCard(
                    id=WorkerId(id_),
                    host=host,
                    pid=pid,
                    function_names=tuple(functions),
                    pools=tuple(Pool(*entry) for entry in pools.items()),
                    pool_concurrency=concurrency,
                ),
                registered_at=registered_at,
                seen_at=seen_at,
                running=running,
            )
            for id_, host, pid, functions, pools, concurrency, registered_at, seen_at, running in (
                rows
            )
        ]

    async def runtimes(self, since: Instant) -> frozenset[str]:
        """Those who ask at the same time share one look."""
        return await self._shared(None, lambda: self._runtimes(since))

    async def _runtimes(self, since: Instant) -> frozenset[str]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(_RUNTIMES, {"since": OneInstant(since)}, binary=True)
            return frozenset(row[0] for row in await cursor.fetchall())
