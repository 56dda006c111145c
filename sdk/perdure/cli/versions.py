"""`perdure versions`: what was published of a function, and under which aliases."""

from __future__ import annotations

from collections import defaultdict
from typing import Annotated

import typer

from perdure.cli.columns import print_columns, shown_time
from perdure.cli.lazy import single
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.client import Alias, Client, NotServed

app = single()


@app.command()
@calls_a_service
def versions(
    session: Session,
    function: Annotated[str, typer.Argument(metavar="FUNCTION")],
) -> None:
    """List the versions of a function, and the aliases that lead to them."""
    found = list(session.client.functions.versions(function))
    aliases = _aliases(session.client, function)
    leading: dict[str, list[str]] = defaultdict(list)
    for alias in aliases:
        for version, share in _shares(alias).items():
            leading[version].append(alias.name if share == 1 else f"{alias.name} {share:.0%}")
    if session.as_json:
        session.emit({"versions": shape(found), "aliases": shape(aliases)})
        return
    print_columns(
        ("version", "runtime", "code", "size", "changed", "aliases", "description"),
        [
            (
                one.version,
                one.runtime or one.package_type,
                (one.code_sha256 or "")[:12],
                "" if one.code_bytes is None else f"{one.code_bytes / 1024:.1f} KiB",
                shown_time(one.last_modified),
                ", ".join(leading[one.version]),
                one.description,
            )
            for one in found
        ],
    )


def _aliases(client: Client, function: str) -> list[Alias]:
    try:
        return list(client.aliases.list(function))
    except NotServed:
        return []


def _shares(alias: Alias) -> dict[str, float]:
    """How much of the alias's calls each version gets, of 1."""
    return {**alias.weights, alias.version: 1 - sum(alias.weights.values())}
