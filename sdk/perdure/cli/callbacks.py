"""`perdure callbacks`: tell an execution what it waits for."""

from __future__ import annotations

from typing import Annotated

import typer

from perdure.cli.arguments import read_payload
from perdure.cli.lazy import group
from perdure.cli.session import Session, calls_a_service
from perdure.client import ErrorObject

app = group("Tell an execution what it waits for.")

CallbackId = Annotated[
    str, typer.Argument(metavar="CALLBACK_ID", help="As `perdure executions show` tells it.")
]


@app.command()
@calls_a_service
def succeed(
    session: Session,
    callback_id: CallbackId,
    result: Annotated[
        str, typer.Option("--result", "-r", metavar="JSON|FILE|-", help="What it is told.")
    ] = "null",
) -> None:
    """Complete a callback with a result."""
    session.client.callbacks.succeed(callback_id, payload=read_payload(result))
    _done(session, callback_id, "succeeded")


@app.command()
@calls_a_service
def fail(
    session: Session,
    callback_id: CallbackId,
    message: Annotated[str | None, typer.Option("--message", "-m", help="What went wrong.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The error's type.")] = None,
) -> None:
    """Complete a callback with an error."""
    error = ErrorObject(message, type_) if message is not None or type_ is not None else None
    session.client.callbacks.fail(callback_id, error)
    _done(session, callback_id, "failed")


@app.command()
@calls_a_service
def heartbeat(session: Session, callback_id: CallbackId) -> None:
    """Say that whoever is to complete it is still at it."""
    session.client.callbacks.heartbeat(callback_id)
    _done(session, callback_id, "alive")


def _done(session: Session, callback_id: str, what: str) -> None:
    if session.as_json:
        session.emit({"callback_id": callback_id, "told": what})
    else:
        session.say(f"Told: {what}.")
