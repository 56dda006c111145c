"""Aliases in Postgres."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from perdure_service.postgres.tables import alias, function_version

_main = function_version.alias("main")
_extra = function_version.alias("extra")


def select_aliases(account: str, function_name: str) -> sa.Select[Any]:
    """The aliases of a function, with what `alias_of` wants to know about their versions."""
    return (
        sa.select(
            alias,
            _main.c.region,
            _main.c.version,
            _extra.c.version.label("additional_version"),
        )
        .join(_main, _main.c.id == alias.c.function_version_id)
        .outerjoin(_extra, _extra.c.id == alias.c.additional_version_id)
        .where(alias.c.account == account, alias.c.function_name == function_name)
    )
