"""`perdure events`: payloads that are kept with a function, to invoke it with."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from perdure.cli.arguments import read_payload
from perdure.cli.columns import print_columns, shown_time
from perdure.cli.lazy import group
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape

app = group("Keep test events with a function. Perdure only.")

FunctionName = Annotated[str, typer.Argument(metavar="FUNCTION")]
EventName = Annotated[str, typer.Argument(metavar="NAME", help="The event's.")]


@app.command("list")
@calls_a_service
def list_(session: Session, function: FunctionName) -> None:
    """List the test events of a function."""
    found = session.client.test_events.list(function)
    if session.as_json:
        session.emit(shape(found))
        return
    print_columns(
        ("name", "saved", "bytes"),
        [(one.name, shown_time(one.modified_at), str(one.size_bytes)) for one in found],
    )


@app.command()
@calls_a_service
def save(
    session: Session,
    function: FunctionName,
    event: EventName,
    payload: Annotated[
        str, typer.Option("--payload", "-p", metavar="JSON|FILE|-", help="The event.")
    ],
) -> None:
    """Save a test event, in place of one of that name."""
    saved = session.client.test_events.save(function, event, payload=read_payload(payload))
    if session.as_json:
        session.emit(shape(saved))
    else:
        session.say(f"Saved. Use it: perdure invoke {function} --event {event}")


@app.command()
@calls_a_service
def show(session: Session, function: FunctionName, event: EventName) -> None:
    """Print a test event."""
    found = session.client.test_events.get(function, event)
    if session.as_json:
        session.emit(shape(found))
    else:
        typer.echo(json.dumps(found.event, ensure_ascii=False, indent=2))


@app.command()
@calls_a_service
def delete(session: Session, function: FunctionName, event: EventName) -> None:
    """Delete a test event."""
    session.client.test_events.delete(function, event)
    if session.as_json:
        session.emit({"function": function, "event": event, "done": "deleted"})
    else:
        session.say(f"Deleted: {event}")
