"""Functions, versions and code in Postgres. SQLAlchemy Core: none of this is hot."""

from __future__ import annotations

import uuid
from collections.abc import Hashable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.domain.errors import ResourceConflict, ResourceNotFound, Unavailable
from perdure_service.domain.functions import DurableConfig, FunctionVersion, PackageType
from perdure_service.domain.ids import LATEST, FunctionVersionId
from perdure_service.domain.instant import Instant
from perdure_service.ports.clock import Clock
from perdure_service.postgres.instants import from_datetime, to_datetime
from perdure_service.postgres.shared_look import SharedLook
from perdure_service.postgres.tables import alias, code_artifact, function, function_version

_FRESH_SECONDS = 1


class PostgresFunctions:
    """Implements `ports.functions.FunctionCatalogue`. Versions are remembered: published ones for
    good, $LATEST for a second, so that a busy function costs one read a second."""

    def __init__(self, engine: AsyncEngine, clock: Clock, account: str) -> None:
        self._engine = engine
        self._clock = clock
        self._account = account
        self._by_id: dict[FunctionVersionId, tuple[Instant, FunctionVersion]] = {}
        self._by_name: dict[tuple[str, str | None], tuple[Instant, FunctionVersion]] = {}
        self._look: SharedLook[Hashable, FunctionVersion] = SharedLook()

    async def resolve(self, name: str, qualifier: str | None) -> FunctionVersion:
        known = self._remembered(self._by_name.get((name, qualifier)))
        if known is not None:
            return known
        return await self._look((name, qualifier), lambda: self._resolve(name, qualifier))

    async def by_id(self, id_: FunctionVersionId) -> FunctionVersion:
        known = self.fresh(id_)
        if known is not None:
            return known
        return await self._look(id_, lambda: self._read(id_))

    async def _resolve(self, name: str, qualifier: str | None) -> FunctionVersion:
        async with self._transaction() as connection:
            row = await self._find(connection, name, qualifier or LATEST)
        if row is None:
            address = f"{name}:{qualifier}" if qualifier else name
            raise ResourceNotFound(f"Function not found: {address}")
        version = _version(row)
        self._remember((name, qualifier), version)
        return version

    async def _read(self, id_: FunctionVersionId) -> FunctionVersion:
        query = sa.select(function_version).where(function_version.c.id == id_)
        async with self._transaction() as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise ResourceNotFound(f"Function version not found: {id_}")
        version = _version(row)
        self._remember(None, version)
        return version

    def fresh(self, id_: FunctionVersionId) -> FunctionVersion | None:
        return self._remembered(self._by_id.get(id_))

    def remembered(self, id_: FunctionVersionId) -> FunctionVersion | None:
        entry = self._by_id.get(id_)
        return None if entry is None else entry[1]

    async def create(self, version: FunctionVersion) -> FunctionVersion:
        taken = ResourceConflict(f"Function already exists: {version.function_name}")
        try:
            async with self._transaction() as connection:
                await connection.execute(
                    sa.insert(function).values(
                        account=version.account,
                        name=version.function_name,
                        latest_version_id=version.id,
                    )
                )
                await connection.execute(sa.insert(function_version).values(_row(version)))
        except IntegrityError as error:
            raise taken from error
        self._forget(version.function_name)
        return version

    async def update_latest(self, version: FunctionVersion) -> FunctionVersion:
        row = {k: v for k, v in _row(version).items() if k not in ("id", "version")}
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
        async with self._transaction() as connection:
            updated = (await connection.execute(change)).mappings().first()
        if updated is None:
            raise ResourceNotFound(f"Function not found: {version.function_name}")
        self._forget(version.function_name)
        return _version(updated)

    async def publish(self, name: str, description: str | None) -> FunctionVersion:
        locked = (
            sa.select(function)
            .where(function.c.account == self._account, function.c.name == name)
            .with_for_update()
        )
        async with self._transaction() as connection:
            owner = (await connection.execute(locked)).mappings().first()
            if owner is None:
                raise ResourceNotFound(f"Function not found: {name}")
            latest = await self._find(connection, name, LATEST)
            number = owner["newest_number"]
            newest = await self._find(connection, name, str(number)) if number else None
            assert latest is not None
            if newest is not None and _published_alike(latest, newest):
                return _version(newest)
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
        return _version(published)

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
        async with self._transaction() as connection:
            return [_version(row) for row in (await connection.execute(query)).mappings()]

    async def list_versions(self, name: str) -> list[FunctionVersion]:
        query = (
            sa.select(function_version)
            .where(
                function_version.c.account == self._account,
                function_version.c.function_name == name,
            )
            .order_by(function_version.c.created_at)
        )
        async with self._transaction() as connection:
            versions = [_version(row) for row in (await connection.execute(query)).mappings()]
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
        async with self._transaction() as connection:
            await connection.execute(insert(code_artifact).values(row).on_conflict_do_nothing())
            await connection.execute(_unused_code(keep=sha256))

    async def get_code(self, sha256: str) -> bytes:
        query = sa.select(code_artifact.c.archive).where(code_artifact.c.sha256 == sha256)
        async with self._transaction() as connection:
            archive = (await connection.execute(query)).scalar()
        if archive is None:
            raise ResourceNotFound(f"Code not found: {sha256}")
        return bytes(archive)

    async def has_code(self, sha256: str) -> bool:
        query = sa.select(code_artifact.c.sha256).where(code_artifact.c.sha256 == sha256)
        async with self._transaction() as connection:
            return (await connection.execute(query)).scalar() is not None

    async def _find(
        self, connection: AsyncConnection, name: str, qualifier: str
    ) -> Mapping[str, Any] | None:
        of_function = (
            function_version.c.account == self._account,
            function_version.c.function_name == name,
        )
        query = sa.select(function_version).where(
            *of_function, function_version.c.version == qualifier
        )
        row = (await connection.execute(query)).mappings().first()
        if row is None and qualifier != LATEST and not qualifier.isdigit():
            query = (
                sa.select(function_version)
                .join(alias, alias.c.function_version_id == function_version.c.id)
                .where(*of_function, alias.c.name == qualifier)
            )
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else dict(row)

    @asynccontextmanager
    async def _transaction(self) -> Any:
        try:
            async with self._engine.begin() as connection:
                yield connection
        except IntegrityError:
            raise
        except (DBAPIError, TimeoutError) as error:
            raise Unavailable(
                "The database cannot be reached now. Repeat the same request."
            ) from error

    def _remembered(self, entry: tuple[Instant, FunctionVersion] | None) -> FunctionVersion | None:
        if entry is None:
            return None
        until, version = entry
        return version if self._clock.now() < until else None

    def _remember(self, name: tuple[str, str | None] | None, version: FunctionVersion) -> None:
        entry = (Instant(self._clock.now() + _FRESH_SECONDS * 1_000_000), version)
        if name is not None:
            self._by_name[name] = entry
        forever = version.version != LATEST
        self._by_id[version.id] = (Instant(2**62), version) if forever else entry

    def _forget(self, name: str) -> None:
        self._look.forget()
        self._by_name = {key: entry for key, entry in self._by_name.items() if key[0] != name}
        self._by_id = {
            id_: entry for id_, entry in self._by_id.items() if entry[1].function_name != name
        }


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


def _row(version: FunctionVersion) -> dict[str, Any]:
    durable = version.durable
    return {
        "id": version.id,
        "account": version.account,
        "region": version.region,
        "function_name": version.function_name,
        "version": version.version,
        "durable_timeout_seconds": durable.execution_timeout_seconds if durable else None,
        "durable_retention_days": durable.retention_days if durable else None,
        "timeout_seconds": version.timeout_seconds,
        "memory_mb": version.memory_mb,
        "package_type": version.package_type.value,
        "runtime": version.runtime,
        "handler": version.handler,
        "code_sha256": version.code_sha256,
        "image_uri": version.image_uri,
        "description": version.description,
        "revision_id": version.revision_id,
        "created_at": to_datetime(version.created_at),
        "dead_letter_target": version.dead_letter_target,
    }


def _version(row: Mapping[str, Any]) -> FunctionVersion:
    timeout = row["durable_timeout_seconds"]
    return FunctionVersion(
        id=FunctionVersionId(row["id"]),
        account=row["account"],
        region=row["region"],
        function_name=row["function_name"],
        version=row["version"],
        durable=None if timeout is None else DurableConfig(timeout, row["durable_retention_days"]),
        timeout_seconds=row["timeout_seconds"],
        memory_mb=row["memory_mb"],
        package_type=PackageType(row["package_type"]),
        runtime=row["runtime"],
        handler=row["handler"],
        code_sha256=row["code_sha256"],
        image_uri=row["image_uri"],
        description=row["description"],
        revision_id=row["revision_id"],
        created_at=from_datetime(row["created_at"]),
        dead_letter_target=row["dead_letter_target"],
    )
