"""`perdure delete`: take a function away, or one version of it."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.arguments import Yes, confirm, split_function
from perdure.cli.lazy import single
from perdure.cli.session import Session, calls_a_service

app = single()


@app.command()
@calls_a_service
def delete(
    session: Session,
    function: Annotated[str, typer.Argument(metavar="FUNCTION[:VERSION]")],
    yes: Yes = False,
) -> None:
    """Delete a function with all its versions and aliases, or one version of it.

    Executions that still run on it fail when they would be invoked again.
    """
    name, version = split_function(function)
    found = session.client.functions.configuration(name, qualifier=version)
    what = (
        f"version {version} of {found.name}" if version else f"{found.name} with all its versions"
    )
    confirm(f"Delete {what}?", yes=yes)
    session.client.functions.delete(name, qualifier=version)
    if session.as_json:
        session.emit({"function": found.name, "version": version, "done": "deleted"})
    else:
        session.say(f"Deleted: {what}.")
