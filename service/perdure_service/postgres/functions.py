"""Functions, versions and code in Postgres. SQLAlchemy Core: none of this is hot."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.domain.errors import ResourceConflict, ResourceNotFound
from perdure_service.domain.functions import Alias, Function, FunctionVersion
from perdure_service.domain.ids import LATEST, FunctionVersionId, function_arn
from perdure_service.ports.clock import Clock
from perdure_service.postgres.aliases import select_aliases
from perdure_service.postgres.fresh_looks import FOREVER, FreshLooks
from perdure_service.postgres.function_rows import alias_of, function_of, version_of, version_row
from perdure_service.postgres.instants import to_datetime
from perdure_service.postgres.tables import alias, code_artifact, function, function_version
from perdure_service.postgres.transactions import transaction


class PostgresFunctions:
    """Implements `ports.functions.FunctionCatalogue`. Versions are remembered: published ones for
    good, all else for a second, so that a busy function costs one read a second."""

    def __init__(self, engine: AsyncEngine, clock: Clock, account: str, region: str) -> None:
        self._engine = engine
        self._clock = clock
        self._account = account
        self._region = region
        self._by_id = FreshLooks(clock, self._read_by_id)
        self._by_name = FreshLooks(clock, self._read_by_name)
        self._aliases = FreshLooks(clock, self._read_alias)
        self._functions = FreshLooks(clock, self._read_function)

    async def resolve(self, name: str, version: str | None) -> FunctionVersion:
        return await self._by_name((name, version or LATEST))

    async def by_id(self, id_: FunctionVersionId) -> FunctionVersion:
        return await self._by_id(id_)

    def fresh(self, id_: FunctionVersionId) -> FunctionVersion | None:
        return self._by_id.fresh(id_)

    def remembered(self, id_: FunctionVersionId) -> FunctionVersion | None:
        return self._by_id.remembered(id_)

    async def refresh(self, ids: Collection[FunctionVersionId]) -> None:
        stale = [id_ for id_ in ids if self.fresh(id_) is None]
        if not stale:
            return
        query = sa.select(function_version).where(function_version.c.id.in_(stale))
        async with transaction(self._engine) as connection:
            for row in (await connection.execute(query)).mappings():
                self._remember(version_of(row))

    async def function(self, name: str) -> Function:
        return await self._functions(name)

    def remembered_function(self, name: str) -> Function | None:
        return self._functions.remembered(name)

    async def alias(self, name: str, alias_name: str) -> Alias:
        return await self._aliases((name, alias_name))

    async def _read_by_name(self, key: tuple[str, str]) -> FunctionVersion:
        name, version = key
        async with transaction(self._engine) as connection:
            row = await self._find(connection, name, version)
        if row is None:
            raise ResourceNotFound(
                f"Function not found: {self._arn(name, None if version == LATEST else version)}"
            )
        return self._by_name.put(key, self._remember(version_of(row)))

    async def _read_by_id(self, id_: FunctionVersionId) -> FunctionVersion:
        query = sa.select(function_version).where(function_version.c.id == id_)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise ResourceNotFound(f"Function version not found: {id_}")
        return self._remember(version_of(row))

    async def _read_function(self, name: str) -> Function:
        query = sa.select(function).where(
            function.c.account == self._account, function.c.name == name
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise ResourceNotFound(f"Function not found: {self._arn(name, None)}")
        return self._functions.put(name, function_of(row))

    async def _read_alias(self, key: tuple[str, str]) -> Alias:
        name, alias_name = key
        query = select_aliases(self._account, name).where(alias.c.name == alias_name)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise ResourceNotFound(f"Cannot find alias arn: {self._arn(name, alias_name)}")
        return self._aliases.put(key, alias_of(row))

    async def create(self, version: FunctionVersion) -> FunctionVersion:
        taken = ResourceConflict(f"Function already exists: {version.function_name}")
        try:
            async with transaction(self._engine) as connection:
                await connection.execute(
                    sa.insert(function).values(
                        account=version.account,
                        name=version.function_name,
                        latest_version_id=version.id,
                        region=version.region,
                        created_at=to_datetime(version.created_at),
                    )
                )
                await connection.execute(sa.insert(function_version).values(version_row(version)))
        except IntegrityError as error:
            raise taken from error
        self._forget(version.function_name)
        return version

    async def update_latest(self, version: FunctionVersion) -> FunctionVersion:
        row = {k: v for k, v in version_row(version).items() if k not in ("id", "version")}
        change = (
            sa.update(function_version)
            .where(
                function_version.c.account == self._account,
                function_version.c.function_name == version.function_name,
                function_version.c.version == LATEST,
            )
            .values(row)
            .returning(function_version)
        )
        async with transaction(self._engine) as connection:
            updated = (await connection.execute(change)).mappings().first()
        if updated is None:
            raise ResourceNotFound(f"Function not found: {version.arn}")
        self._forget(version.function_name)
        return version_of(updated)

    async def publish(self, name: str, description: str | None) -> FunctionVersion:
        locked = (
            sa.select(function)
            .where(function.c.account == self._account, function.c.name == name)
            .with_for_update()
        )
        async with transaction(self._engine) as connection:
            owner = (await connection.execute(locked)).mappings().first()
            if owner is None:
                raise ResourceNotFound(f"Function not found: {name}")
            latest = await self._find(connection, name, LATEST)
            number = owner["newest_number"]
            newest = await self._find(connection, name, str(number)) if number else None
            assert latest is not None
            if newest is not None and _published_alike(latest, newest):
                return version_of(newest)
            published = {
                **latest,
                "id": str(uuid.uuid4()),
                "version": str(number + 1),
                "revision_id": str(uuid.uuid4()),
                "created_at": to_datetime(self._clock.now()),
            }
            if description is not None:
                published["description"] = description
            await connection.execute(sa.insert(function_version).values(published))
            await connection.execute(
                sa.update(function)
                .where(function.c.account == self._account, function.c.name == name)
                .values(newest_number=number + 1)
            )
        self._forget(name)
        return version_of(published)

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
        query = (
            sa.select(function_version)
            .where(
                function_version.c.account == self._account,
                function_version.c.function_name == name,
            )
            .order_by(function_version.c.created_at)
        )
        async with transaction(self._engine) as connection:
            versions = [version_of(row) for row in (await connection.execute(query)).mappings()]
        if not versions:
            raise ResourceNotFound(f"Function not found: {name}")
        versions.sort(key=lambda version: 0 if version.version == LATEST else int(version.version))
        return versions

    async def put_code(self, sha256: str, archive: bytes) -> None:
        row = {
            "sha256": sha256,
            "archive": archive,
            "created_at": to_datetime(self._clock.now()),
        }
        async with transaction(self._engine) as connection:
            await connection.execute(insert(code_artifact).values(row).on_conflict_do_nothing())
            await connection.execute(_unused_code(keep=sha256))

    async def get_code(self, sha256: str) -> bytes:
        query = sa.select(code_artifact.c.archive).where(code_artifact.c.sha256 == sha256)
        async with transaction(self._engine) as connection:
            archive = (await connection.execute(query)).scalar()
        if archive is None:
            raise ResourceNotFound(f"Code not found: {sha256}")
        return bytes(archive)

    async def has_code(self, sha256: str) -> bool:
        query = sa.select(code_artifact.c.sha256).where(code_artifact.c.sha256 == sha256)
        async with transaction(self._engine) as connection:
            return (await connection.execute(query)).scalar() is not None

    async def _find(
        self, connection: AsyncConnection, name: str, version: str
    ) -> Mapping[str, Any] | None:
        query = sa.select(function_version).where(
            function_version.c.account == self._account,
            function_version.c.function_name == name,
            function_version.c.version == version,
        )
        row = (await connection.execute(query)).mappings().first()
        return None if row is None else dict(row)

    def _arn(self, name: str, qualifier: str | None) -> str:
        return function_arn(self._account, self._region, name, qualifier)

    def _remember(self, version: FunctionVersion) -> FunctionVersion:
        return self._by_id.put(version.id, version, None if version.version == LATEST else FOREVER)

    def _forget(self, name: str) -> None:
        self._by_id.forget(lambda _, version: version.function_name == name)
        self._by_name.forget(lambda key, _: key[0] == name)
        self._aliases.forget(lambda key, _: key[0] == name)
        self._functions.forget(lambda key, _: key == name)


def _unused_code(keep: str) -> sa.Delete:
    """Zips that no version names: what earlier reloads of a live folder left behind."""
    used = sa.select(function_version.c.id).where(
        function_version.c.code_sha256 == code_artifact.c.sha256
    )
    return sa.delete(code_artifact).where(code_artifact.c.sha256 != keep, ~sa.exists(used))


def _published_alike(latest: Mapping[str, Any], newest: Mapping[str, Any]) -> bool:
    """True if publishing `latest` would give a copy of `newest`."""
    own = {"id", "version", "revision_id", "created_at", "description"}
    return all(latest[column] == newest[column] for column in latest if column not in own)
