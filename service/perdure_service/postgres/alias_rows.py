"""Aliases as they are read: with the numbers of the versions that their rows know by id."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from perdure_service.domain.functions import Alias, WeightedVersion
from perdure_service.postgres.function_rows import Row, of_function
from perdure_service.postgres.tables import alias, function_version

_main = function_version.alias("main")
_extra = function_version.alias("extra")


def select_aliases(account: str, function_name: str) -> sa.Select[Any]:
    """The aliases of a function, for `alias_of`."""
    return (
        sa.select(
            alias,
            _main.c.region,
            _main.c.version,
            _extra.c.version.label("additional_version"),
        )
        .join(_main, _main.c.id == alias.c.function_version_id)
        .outerjoin(_extra, _extra.c.id == alias.c.additional_version_id)
        .where(*of_function(alias, account, function_name))
    )


def alias_of(row: Row) -> Alias:
    extra = row["additional_version"]
    return Alias(
        account=row["account"],
        region=row["region"],
        function_name=row["function_name"],
        name=row["name"],
        version=row["version"],
        description=row["description"],
        revision_id=row["revision_id"],
        additional=None if extra is None else WeightedVersion(extra, row["additional_weight"]),
    )
