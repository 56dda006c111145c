"""Claimed invocations, read from the queue table."""

from __future__ import annotations

from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId
from perdure_service.postgres.reading import ReadPool


class PostgresClaims:
    """Implements `ports.claims.ClaimStore`."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def of_worker(self, worker_id: WorkerId) -> list[tuple[ExecutionId, InvocationId]]:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT execution_id, invocation_id FROM invocation WHERE worker_id = %s",
                (worker_id,),
                binary=True,
            )
            rows = await cursor.fetchall()
        return [(ExecutionId(row[0]), InvocationId(row[1])) for row in rows]

    async def execution_of(self, invocation_id: InvocationId) -> ExecutionId | None:
        async with self._pool.connection() as connection:
            cursor = await connection.execute(
                "SELECT execution_id FROM invocation"
                " WHERE worker_id IS NOT NULL AND invocation_id = %s",
                (invocation_id,),
                binary=True,
            )
            row = await cursor.fetchone()
        return None if row is None else ExecutionId(row[0])
