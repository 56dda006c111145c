"""Who holds a name."""

from __future__ import annotations

from perdure_service.domain.execution import Identity
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.log import Holder
from perdure_service.postgres.reading import ReadPool


async def read_holder(pool: ReadPool, identity: Identity, name: str) -> Holder | None:
    """The execution of this function that holds `name`; None if it is free. Raises Unavailable."""
    async with pool.connection() as connection:
        cursor = await connection.execute(
            "SELECT execution_id, payload_hash FROM execution_name WHERE part = %s"
            " AND account = %s AND function_name = %s AND name = %s",
            (identity.part, identity.account, identity.function_name, name),
            binary=True,
        )
        row = await cursor.fetchone()
    return None if row is None else Holder(ExecutionId(row[0]), bytes(row[1]))


async def free_name(pool: ReadPool, identity: Identity, name: str, holder: ExecutionId) -> None:
    """Take `name` from `holder`, if it holds it still. Raises Unavailable."""
    async with pool.connection() as connection:
        await connection.execute(
            "DELETE FROM execution_name WHERE part = %s AND account = %s AND function_name = %s"
            " AND name = %s AND execution_id = %s",
            (identity.part, identity.account, identity.function_name, name, holder),
        )
