"""Changes of functions: in turn, and told to all replicas."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.postgres.missing import missing_function
from perdure_service.postgres.notify import FUNCTION_CHANGED
from perdure_service.postgres.tables import function
from perdure_service.postgres.transactions import transaction


@dataclass(frozen=True, slots=True)
class FunctionChanges:
    """Who remembers a function reads it again once a change of it is committed: this replica, by
    `forget`, and if it `notifies` all others, too, which else see it within a second."""

    engine: AsyncEngine
    account: str
    region: str
    forget: Callable[[str], None]
    notifies: bool

    @asynccontextmanager
    async def creating(self, name: str) -> AsyncIterator[AsyncConnection]:
        """The transaction that makes it. Raises BrokenConstraint, Unavailable."""
        async with transaction(self.engine) as connection:
            yield connection
            if self.notifies:
                # Only those who notify wait for each other, and commits of executions do not.
                await connection.execute(sa.select(sa.func.pg_notify(FUNCTION_CHANGED, name)))
        self.forget(name)

    @asynccontextmanager
    async def changing(self, name: str) -> AsyncIterator[tuple[AsyncConnection, int]]:
        """A transaction, in turn with all others of this function, and the number of its newest
        version. Raises ResourceNotFound, BrokenConstraint, Unavailable."""
        async with self.creating(name) as connection:
            yield connection, await lock_function(connection, self.account, self.region, name)


async def lock_function(connection: AsyncConnection, account: str, region: str, name: str) -> int:
    """Until the transaction ends nobody else changes the function; the number of its newest
    version. Raises ResourceNotFound."""
    query = (
        sa.select(function.c.newest_number)
        .where(function.c.account == account, function.c.name == name)
        .with_for_update()
    )
    newest_number: int | None = (await connection.execute(query)).scalar()
    if newest_number is None:
        raise missing_function(account, region, name)
    return newest_number
