"""Aliases in Postgres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from perdure_service.application.randomness import random_uuid
from perdure_service.domain.errors import ResourceConflict, ResourceNotFound
from perdure_service.domain.functions import Alias
from perdure_service.domain.ids import function_arn
from perdure_service.postgres.alias_rows import alias_of, select_aliases
from perdure_service.postgres.functions import PostgresFunctions
from perdure_service.postgres.tables import alias, function, function_version
from perdure_service.postgres.transactions import BrokenConstraint, transaction


class PostgresAliases:
    """Implements `ports.functions.AliasStore`. `catalogue` is told what to read again."""

    def __init__(
        self, engine: AsyncEngine, account: str, region: str, catalogue: PostgresFunctions
    ) -> None:
        self._engine = engine
        self._account = account
        self._region = region
        self._catalogue = catalogue

    async def create(self, new: Alias) -> Alias:
        try:
            async with transaction(self._engine) as connection:
                await self._lock(connection, new.function_name)
                row = await self._row(connection, new)
                await connection.execute(sa.insert(alias).values(row))
        except BrokenConstraint as error:
            raise ResourceConflict(f"Alias already exists: {new.arn}") from error
        self._catalogue.forget(new.function_name)
        return new

    async def change(self, name: str, alias_name: str, change: Callable[[Alias], Alias]) -> Alias:
        query = select_aliases(self._account, name).where(alias.c.name == alias_name)
        async with transaction(self._engine) as connection:
            await self._lock(connection, name)
            known = (await connection.execute(query)).mappings().first()
            if known is None:
                raise ResourceNotFound(f"Cannot find alias arn: {self._arn(name, alias_name)}")
            before = alias_of(known)
            changed = change(before)
            if changed != before:
                changed = replace(changed, revision_id=random_uuid())
                row = await self._row(connection, changed)
                await connection.execute(
                    sa.update(alias)
                    .where(
                        alias.c.account == self._account,
                        alias.c.function_name == name,
                        alias.c.name == alias_name,
                    )
                    .values(row)
                )
        self._catalogue.forget(name)
        return changed

    async def delete(self, name: str, alias_name: str) -> None:
        async with transaction(self._engine) as connection:
            await self._lock(connection, name)
            await connection.execute(
                sa.delete(alias).where(
                    alias.c.account == self._account,
                    alias.c.function_name == name,
                    alias.c.name == alias_name,
                )
            )
        self._catalogue.forget(name)

    async def list_aliases(self, name: str) -> list[Alias]:
        query = select_aliases(self._account, name).order_by(alias.c.name)
        async with transaction(self._engine) as connection:
            found = [alias_of(row) for row in (await connection.execute(query)).mappings()]
            if not found and (await connection.execute(self._function(name))).scalar() is None:
                raise self._no_function(name)
        return found

    async def _lock(self, connection: AsyncConnection, name: str) -> None:
        """Change it in turn with everything else about the function. Raises ResourceNotFound."""
        query = self._function(name).with_for_update()
        if (await connection.execute(query)).scalar() is None:
            raise self._no_function(name)

    def _function(self, name: str) -> sa.Select[tuple[str]]:
        return sa.select(function.c.name).where(
            function.c.account == self._account, function.c.name == name
        )

    def _no_function(self, name: str) -> ResourceNotFound:
        return ResourceNotFound(f"Function not found: {self._arn(name, None)}")

    async def _row(self, connection: AsyncConnection, new: Alias) -> dict[str, Any]:
        extra = new.additional
        return {
            "account": new.account,
            "function_name": new.function_name,
            "name": new.name,
            "function_version_id": await self._version_id(connection, new, new.version),
            "description": new.description,
            "revision_id": new.revision_id,
            "additional_version_id": (
                None if extra is None else await self._version_id(connection, new, extra.version)
            ),
            "additional_weight": None if extra is None else extra.weight,
        }

    async def _version_id(self, connection: AsyncConnection, new: Alias, version: str) -> str:
        query = sa.select(function_version.c.id).where(
            function_version.c.account == new.account,
            function_version.c.function_name == new.function_name,
            function_version.c.version == version,
        )
        id_: str | None = (await connection.execute(query)).scalar()
        if id_ is None:
            arn = self._arn(new.function_name, version)
            raise ResourceNotFound(f"Function not found: {arn}")
        return id_

    def _arn(self, name: str, qualifier: str | None) -> str:
        return function_arn(self._account, self._region, name, qualifier)
