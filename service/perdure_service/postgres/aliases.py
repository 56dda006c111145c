"""Aliases in Postgres."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from perdure_service.application.randomness import random_uuid
from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.functions import Alias
from perdure_service.postgres.alias_rows import alias_of, select_aliases
from perdure_service.postgres.function_changes import FunctionChanges
from perdure_service.postgres.function_rows import of_function
from perdure_service.postgres.missing import missing_alias, missing_function
from perdure_service.postgres.tables import alias, function, function_version
from perdure_service.postgres.transactions import BrokenConstraint, transaction


class PostgresAliases:
    """Implements `ports.functions.AliasStore`."""

    def __init__(self, changes: FunctionChanges) -> None:
        self._changes = changes
        self._engine = changes.engine
        self._account = changes.account
        self._region = changes.region

    async def create(self, new: Alias) -> Alias:
        try:
            async with self._changes.changing(new.function_name) as (connection, _):
                row = await self._row(connection, new)
                await connection.execute(sa.insert(alias).values(row))
        except BrokenConstraint as error:
            raise ResourceConflict(f"Alias already exists: {new.arn}") from error
        return new

    async def change(self, name: str, alias_name: str, change: Callable[[Alias], Alias]) -> Alias:
        query = select_aliases(self._account, name).where(alias.c.name == alias_name)
        async with self._changes.changing(name) as (connection, _):
            known = (await connection.execute(query)).mappings().first()
            if known is None:
                raise missing_alias(self._account, self._region, name, alias_name)
            before = alias_of(known)
            changed = change(before)
            if changed != before:
                changed = replace(changed, revision_id=random_uuid())
                row = await self._row(connection, changed)
                await connection.execute(
                    sa.update(alias)
                    .where(*of_function(alias, self._account, name), alias.c.name == alias_name)
                    .values(row)
                )
        return changed

    async def delete(self, name: str, alias_name: str) -> None:
        async with self._changes.changing(name) as (connection, _):
            await connection.execute(
                sa.delete(alias).where(
                    *of_function(alias, self._account, name), alias.c.name == alias_name
                )
            )

    async def list_aliases(self, name: str) -> list[Alias]:
        query = select_aliases(self._account, name).order_by(alias.c.name)
        async with transaction(self._engine) as connection:
            found = [alias_of(row) for row in (await connection.execute(query)).mappings()]
            if not found and (await connection.execute(self._function(name))).scalar() is None:
                raise missing_function(self._account, self._region, name)
        return found

    def _function(self, name: str) -> sa.Select[tuple[str]]:
        return sa.select(function.c.name).where(
            function.c.account == self._account, function.c.name == name
        )

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
            *of_function(function_version, new.account, new.function_name),
            function_version.c.version == version,
        )
        id_: str | None = (await connection.execute(query)).scalar()
        if id_ is None:
            raise missing_function(self._account, self._region, new.function_name, version)
        return id_
