"""Zips of code in Postgres."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.domain.code_archive import CodeArchive
from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.instant import Instant, after
from perdure_service.ports.clock import Clock
from perdure_service.postgres.instants import to_datetime
from perdure_service.postgres.tables import code_artifact, function_version
from perdure_service.postgres.transactions import transaction

_KEPT_UNUSED_SECONDS = 3_600
"""Somebody may be about to name what nobody names yet."""


class PostgresCode:
    """Implements `ports.code.CodeStore`."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def put(self, code: CodeArchive) -> None:
        now = self._clock.now()
        # Whoever registered it did not know its size.
        sized = (
            sa.update(function_version)
            .where(
                function_version.c.code_sha256 == code.sha256,
                function_version.c.code_bytes.is_(None),
            )
            .values(code_bytes=len(code.content))
        )
        async with transaction(self._engine) as connection:
            await keep_code(connection, code, now)
            await connection.execute(sized)
            await connection.execute(_unused_code(now))

    async def get(self, sha256: str) -> bytes:
        query = sa.select(code_artifact.c.archive).where(code_artifact.c.sha256 == sha256)
        async with transaction(self._engine) as connection:
            archive = (await connection.execute(query)).scalar()
        if archive is None:
            raise ResourceNotFound(f"Code not found: {sha256}")
        return bytes(archive)

    async def size_bytes(self, sha256: str) -> int | None:
        async with transaction(self._engine) as connection:
            return await stored_bytes(connection, sha256)


async def keep_code(connection: AsyncConnection, code: CodeArchive, now: Instant) -> None:
    """Within the transaction of whoever names it, or before."""
    row = {"sha256": code.sha256, "archive": code.content, "created_at": to_datetime(now)}
    known = (
        sa.update(code_artifact)
        .where(code_artifact.c.sha256 == code.sha256)
        .values(created_at=to_datetime(now))
    )
    if (await connection.execute(known)).rowcount == 0:
        store = insert(code_artifact).values(row)
        await connection.execute(
            store.on_conflict_do_update(
                index_elements=["sha256"], set_={"created_at": store.excluded.created_at}
            )
        )


async def stored_bytes(connection: AsyncConnection, sha256: str) -> int | None:
    query = sa.select(sa.func.octet_length(code_artifact.c.archive)).where(
        code_artifact.c.sha256 == sha256
    )
    size: int | None = (await connection.execute(query)).scalar()
    return size


def _unused_code(now: Instant) -> sa.Delete:
    """Zips that no version names: what earlier reloads of a live folder left behind, what failed
    deploys sent, what deleted functions ran. Its age is compared with the row as it is when it is
    locked, so what was just named again stays."""
    used: sa.Select[Any] = sa.select(function_version.c.id).where(
        function_version.c.code_sha256 == code_artifact.c.sha256
    )
    return sa.delete(code_artifact).where(
        code_artifact.c.created_at < to_datetime(after(now, -_KEPT_UNUSED_SECONDS)),
        ~sa.exists(used),
    )
