"""Test events in Postgres."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncEngine

from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.test_events import SavedEvent
from perdure_service.postgres.function_changes import lock_function
from perdure_service.postgres.function_rows import of_function
from perdure_service.postgres.instants import from_datetime, to_datetime
from perdure_service.postgres.tables import test_event
from perdure_service.postgres.transactions import transaction


class PostgresTestEvents:
    """Implements `ports.test_events.TestEvents`."""

    def __init__(self, engine: AsyncEngine, account: str, region: str) -> None:
        self._engine = engine
        self._account = account
        self._region = region

    async def list_events(self, function_name: str) -> list[SavedEvent]:
        query = sa.select(test_event).where(*self._of(function_name)).order_by(test_event.c.name)
        async with transaction(self._engine) as connection:
            return [_event(row) for row in (await connection.execute(query)).mappings()]

    async def get(self, function_name: str, name: str) -> SavedEvent | None:
        query = sa.select(test_event).where(*self._of(function_name), test_event.c.name == name)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else _event(row)

    async def put(self, function_name: str, event: SavedEvent, *, at_most: int) -> None:
        others = sa.select(sa.func.count()).where(
            *self._of(function_name), test_event.c.name != event.name
        )
        write = insert(test_event).values(
            account=self._account,
            function_name=function_name,
            name=event.name,
            payload=event.payload.encode(),
            modified_at=to_datetime(event.modified_at),
        )
        write = write.on_conflict_do_update(
            index_elements=["account", "function_name", "name"],
            set_={
                "payload": write.excluded.payload,
                "modified_at": write.excluded.modified_at,
            },
        )
        async with transaction(self._engine) as connection:
            await lock_function(connection, self._account, self._region, function_name)
            if (await connection.execute(others)).scalar_one() >= at_most:
                raise ResourceConflict(
                    f"Function '{function_name}' has {at_most} test events, and can have no more: "
                    "delete one first."
                )
            await connection.execute(write)

    async def delete(self, function_name: str, name: str) -> bool:
        gone = sa.delete(test_event).where(*self._of(function_name), test_event.c.name == name)
        async with transaction(self._engine) as connection:
            return (await connection.execute(gone)).rowcount > 0

    def _of(self, function_name: str) -> tuple[sa.ColumnElement[bool], ...]:
        return of_function(test_event, self._account, function_name)


def _event(row: sa.RowMapping) -> SavedEvent:
    return SavedEvent(row["name"], row["payload"].decode(), from_datetime(row["modified_at"]))
