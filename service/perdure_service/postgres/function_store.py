"""Functions and versions in Postgres, to be changed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from perdure_service.application.randomness import random_uuid
from perdure_service.domain.code_archive import CodeArchive
from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import LATEST, FunctionVersionId
from perdure_service.ports.clock import Clock
from perdure_service.ports.functions import AccountUsage, ChangeVersion
from perdure_service.postgres.code import keep_code, stored_bytes
from perdure_service.postgres.function_changes import FunctionChanges
from perdure_service.postgres.function_rows import of_function, version_of, version_row
from perdure_service.postgres.instants import to_datetime
from perdure_service.postgres.missing import missing_function
from perdure_service.postgres.tables import alias, deleted_version, function, function_version
from perdure_service.postgres.transactions import BrokenConstraint, transaction

_OWN = ("id", "version", "revision_id", "created_at", "description", "code_bytes", "declared")
"""What two versions may differ in and be the same function."""


class PostgresFunctionStore:
    """Implements `ports.functions.FunctionStore`."""

    def __init__(self, changes: FunctionChanges, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock
        self._engine = changes.engine
        self._account = changes.account
        self._region = changes.region

    async def create(
        self,
        version: FunctionVersion,
        *,
        code: CodeArchive | None = None,
        tags: Mapping[str, str] | None = None,
        publish: bool = False,
    ) -> FunctionVersion:
        name = version.function_name
        try:
            async with self._changes.creating(name) as connection:
                await connection.execute(
                    sa.insert(function).values(
                        account=version.account,
                        name=name,
                        latest_version_id=version.id,
                        region=version.region,
                        created_at=to_datetime(self._clock.now()),
                        tags=dict(tags or {}),
                    )
                )
                await self._keep(connection, code)
                await connection.execute(sa.insert(function_version).values(version_row(version)))
                created = await self._freeze(connection, version, 0) if publish else version
        except BrokenConstraint as error:
            raise ResourceConflict(f"Function already exist: {name}") from error
        return created

    async def change_latest(
        self,
        name: str,
        change: ChangeVersion,
        *,
        code: CodeArchive | None = None,
        publish: bool = False,
    ) -> FunctionVersion:
        async with self._changes.changing(name) as (connection, newest_number):
            latest = await self._version(connection, name, LATEST)
            changed = change(latest)
            if changed != latest:
                changed = replace(changed, revision_id=random_uuid(), created_at=self._clock.now())
                await self._keep(connection, code)
                await connection.execute(
                    sa.update(function_version)
                    .where(function_version.c.id == latest.id)
                    .values(version_row(changed))
                )
            if publish:
                changed = await self._freeze(connection, changed, newest_number)
        return changed

    async def publish(
        self, name: str, check: Callable[[FunctionVersion, bool], str | None]
    ) -> FunctionVersion:
        async with self._changes.changing(name) as (connection, newest_number):
            latest = await self._version(connection, name, LATEST)
            sha256 = latest.code_sha256
            code_bytes = await stored_bytes(connection, sha256) if sha256 is not None else None
            description = check(latest, code_bytes is not None)
            wanted = replace(latest, code_bytes=code_bytes)
            if description is not None:
                wanted = replace(wanted, description=description)
            published = await self._freeze(connection, wanted, newest_number)
        return published

    async def delete(self, name: str) -> None:
        async with self._changes.changing(name) as (connection, _):
            await connection.execute(
                sa.delete(alias).where(*of_function(alias, self._account, name))
            )
            await self._bury(connection, name, sa.true())
            await connection.execute(
                sa.delete(function).where(
                    function.c.account == self._account, function.c.name == name
                )
            )

    async def delete_version(self, name: str, number: str) -> None:
        async with self._changes.changing(name) as (connection, _):
            version = await self._version(connection, name, number)
            pointing = sa.select(alias.c.name).where(
                *of_function(alias, self._account, name),
                sa.or_(
                    alias.c.function_version_id == version.id,
                    alias.c.additional_version_id == version.id,
                ),
            )
            alias_name = (await connection.execute(pointing.limit(1))).scalar()
            if alias_name is not None:
                raise ResourceConflict(
                    f"Version {number} of function '{name}' cannot be deleted: alias "
                    f"'{alias_name}' points at it. Update or delete the alias first."
                )
            await self._bury(connection, name, function_version.c.id == version.id)

    async def list_latest(self, *, after: str, limit: int) -> list[FunctionVersion]:
        query = (
            sa.select(function_version)
            .where(
                function_version.c.account == self._account,
                function_version.c.version == LATEST,
                function_version.c.function_name > after,
            )
            .order_by(function_version.c.function_name)
            .limit(limit)
        )
        async with transaction(self._engine) as connection:
            return [version_of(row) for row in (await connection.execute(query)).mappings()]

    async def list_versions(self, name: str) -> list[FunctionVersion]:
        query = sa.select(function_version).where(
            *of_function(function_version, self._account, name)
        )
        async with transaction(self._engine) as connection:
            versions = [version_of(row) for row in (await connection.execute(query)).mappings()]
        if not versions:
            raise missing_function(self._account, self._region, name)
        versions.sort(key=lambda version: 0 if version.version == LATEST else int(version.version))
        return versions

    async def reserve_concurrency(self, name: str, limit: int | None) -> None:
        async with self._changes.changing(name) as (connection, _):
            await self._set(connection, name, reserved_concurrency=limit)

    async def change_tags(
        self, name: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> None:
        query = sa.select(function.c.tags).where(
            function.c.account == self._account, function.c.name == name
        )
        async with self._changes.changing(name) as (connection, _):
            tags = (await connection.execute(query)).scalar_one()
            await self._set(connection, name, tags=dict(change(tags)))

    async def usage(self) -> AccountUsage:
        named = sa.select(function_version.c.code_sha256, function_version.c.code_bytes).where(
            function_version.c.account == self._account
        )
        distinct = named.distinct().subquery()
        functions = sa.select(
            sa.func.count(), sa.func.coalesce(sa.func.sum(function.c.reserved_concurrency), 0)
        ).where(function.c.account == self._account)
        async with transaction(self._engine) as connection:
            count, reserved = (await connection.execute(functions)).one()
            total = sa.select(sa.func.coalesce(sa.func.sum(distinct.c.code_bytes), 0))
            code_bytes = (await connection.execute(total)).scalar_one()
        return AccountUsage(count, int(code_bytes), int(reserved))

    async def _version(
        self, connection: AsyncConnection, name: str, number: str
    ) -> FunctionVersion:
        query = sa.select(function_version).where(
            *of_function(function_version, self._account, name),
            function_version.c.version == number,
        )
        row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise missing_function(self._account, self._region, name, number)
        return version_of(row)

    async def _freeze(
        self, connection: AsyncConnection, latest: FunctionVersion, newest_number: int
    ) -> FunctionVersion:
        """A version like `latest`: the newest one if that is its copy, else a new one."""
        name = latest.function_name
        query = sa.select(function_version).where(
            *of_function(function_version, self._account, name),
            function_version.c.version == str(newest_number),
        )
        newest = (await connection.execute(query)).mappings().first()
        row = version_row(latest)
        if newest is not None and all(
            row[column] == newest[column] for column in row if column not in _OWN
        ):
            return version_of(newest)
        published = replace(
            latest,
            id=FunctionVersionId(random_uuid()),
            version=str(newest_number + 1),
            revision_id=random_uuid(),
            created_at=self._clock.now(),
            declared=None,
        )
        await connection.execute(sa.insert(function_version).values(version_row(published)))
        await self._set(connection, name, newest_number=newest_number + 1)
        return published

    async def _bury(
        self, connection: AsyncConnection, name: str, which: sa.ColumnElement[bool]
    ) -> None:
        """Delete versions, and note that their executions are to be ended."""
        gone = sa.delete(function_version).where(
            *of_function(function_version, self._account, name), which
        )
        ids = (await connection.execute(gone.returning(function_version.c.id))).scalars().all()
        deleted_at = to_datetime(self._clock.now())
        await connection.execute(
            sa.insert(deleted_version),
            [
                {
                    "id": id_,
                    "account": self._account,
                    "function_name": name,
                    "deleted_at": deleted_at,
                }
                for id_ in ids
            ],
        )

    async def _set(self, connection: AsyncConnection, name: str, **columns: Any) -> None:
        await connection.execute(
            sa.update(function)
            .where(function.c.account == self._account, function.c.name == name)
            .values(**columns)
        )

    async def _keep(self, connection: AsyncConnection, code: CodeArchive | None) -> None:
        if code is not None:
            await keep_code(connection, code, self._clock.now())
