"""What can be invoked, read from Postgres. SQLAlchemy Core: with what is remembered, none of this
is hot."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.functions import Alias, Function, FunctionVersion
from perdure_service.domain.ids import LATEST, FunctionVersionId
from perdure_service.ports.clock import Clock
from perdure_service.postgres.alias_rows import alias_of, select_aliases
from perdure_service.postgres.fresh_looks import FreshLooks
from perdure_service.postgres.function_rows import function_of, of_function, version_of
from perdure_service.postgres.missing import missing_alias, missing_function
from perdure_service.postgres.tables import alias, function, function_version
from perdure_service.postgres.transactions import transaction


class PostgresFunctions:
    """Implements `ports.functions.FunctionCatalogue`. Versions are remembered: published ones for
    good, all else for a second, so that a busy function costs one read a second."""

    def __init__(self, engine: AsyncEngine, clock: Clock, account: str, region: str) -> None:
        self._engine = engine
        self._clock = clock
        self._account = account
        self._region = region
        self._by_id = FreshLooks(clock, self._read_by_id, _is_published)
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
        since = self._by_id.changes
        query = sa.select(function_version).where(function_version.c.id.in_(stale))
        async with transaction(self._engine) as connection:
            for row in (await connection.execute(query)).mappings():
                version = version_of(row)
                self._by_id.put(version.id, version, since)

    async def function(self, name: str) -> Function:
        return await self._functions(name)

    async def alias(self, name: str, alias_name: str) -> Alias:
        return await self._aliases((name, alias_name))

    async def _read_by_name(self, key: tuple[str, str]) -> FunctionVersion:
        name, version = key
        since = self._by_id.changes
        query = sa.select(function_version).where(
            *of_function(function_version, self._account, name),
            function_version.c.version == version,
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise missing_function(self._account, self._region, name, version)
        found = version_of(row)
        self._by_id.put(found.id, found, since)
        return found

    async def _read_by_id(self, id_: FunctionVersionId) -> FunctionVersion:
        query = sa.select(function_version).where(function_version.c.id == id_)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise ResourceNotFound(f"Function version not found: {id_}")
        return version_of(row)

    async def _read_function(self, name: str) -> Function:
        query = sa.select(function).where(
            function.c.account == self._account, function.c.name == name
        )
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise missing_function(self._account, self._region, name)
        return function_of(row)

    async def _read_alias(self, key: tuple[str, str]) -> Alias:
        name, alias_name = key
        query = select_aliases(self._account, name).where(alias.c.name == alias_name)
        async with transaction(self._engine) as connection:
            row = (await connection.execute(query)).mappings().first()
        if row is None:
            raise missing_alias(self._account, self._region, name, alias_name)
        return alias_of(row)

    def forget(self, name: str) -> None:
        """Read it again: it has changed."""
        self._by_id.forget(lambda _, version: version.function_name == name)
        self._by_name.forget(lambda key, _: key[0] == name)
        self._aliases.forget(lambda key, _: key[0] == name)
        self._functions.forget(lambda key, _: key == name)


def _is_published(version: FunctionVersion) -> bool:
    return version.version != LATEST
