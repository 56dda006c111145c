"""Lists of executions."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from perdure_service.domain.errors import Unavailable
from perdure_service.domain.execution import ExecutionStatus, Identity, InvokeMode
from perdure_service.domain.ids import ExecutionId, FunctionVersionId
from perdure_service.ports.search import ExecutionQuery, ExecutionSummary
from perdure_service.postgres.instants import from_datetime, to_datetime
from perdure_service.postgres.tables import execution


class PostgresSearch:
    """Implements `ports.search.ExecutionSearch`."""

    def __init__(self, engine: AsyncEngine, account: str) -> None:
        self._engine = engine
        self._account = account

    async def find(self, query: ExecutionQuery) -> list[ExecutionSummary]:
        try:
            async with self._engine.connect() as connection:
                rows = (await connection.execute(self._select(query))).mappings().all()
        except (DBAPIError, TimeoutError) as error:
            raise Unavailable(
                "The database cannot be reached now. Repeat the same request."
            ) from error
        return [_summary(row) for row in rows]

    def _select(self, query: ExecutionQuery) -> sa.Select[tuple[object, ...]]:
        c = execution.c
        order = (c.started_at, c.id) if query.oldest_first else (c.started_at.desc(), c.id.desc())
        select = (
            sa.select(execution)
            .where(c.account == self._account, c.durable)
            .order_by(*order)
            .limit(query.limit)
        )
        if query.function_name is not None:
            select = select.where(c.function_name == query.function_name)
        if query.version is not None:
            select = select.where(c.function_version == query.version)
        if query.name is not None:
            select = select.where(c.name == query.name)
        if query.name_prefix is not None:
            select = select.where(c.name.startswith(query.name_prefix, autoescape=True))
        if query.statuses:
            select = select.where(c.status.in_([status.value for status in query.statuses]))
        if query.started_after is not None:
            select = select.where(c.started_at >= to_datetime(query.started_after))
        if query.started_before is not None:
            select = select.where(c.started_at <= to_datetime(query.started_before))
        if query.position is not None:
            started_at, id_ = query.position
            here = sa.tuple_(c.started_at, c.id)
            there = sa.tuple_(
                sa.literal(to_datetime(started_at)), sa.cast(sa.literal(id_), c.id.type)
            )
            select = select.where(here > there if query.oldest_first else here < there)
        return select


def _summary(row: sa.RowMapping) -> ExecutionSummary:
    return ExecutionSummary(
        identity=Identity(
            id=ExecutionId(row["id"]),
            account=row["account"],
            region=row["region"],
            function_name=row["function_name"],
            version=row["function_version"],
            qualifier=row["qualifier"],
            function_version_id=FunctionVersionId(row["function_version_id"]),
            name=row["name"],
            started_at=from_datetime(row["started_at"]),
            timeout_seconds=row["timeout_seconds"],
            retention_days=row["retention_days"],
            durable=row["durable"],
            mode=InvokeMode(row["mode"]),
        ),
        status=ExecutionStatus(row["status"]),
        ended_at=None if row["ended_at"] is None else from_datetime(row["ended_at"]),
        operation_count=row["operation_count"],
    )
