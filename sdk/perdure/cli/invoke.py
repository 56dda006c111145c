"""`perdure invoke`: call a function, and watch what it does."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

from perdure.cli.arguments import read_payload, split_function
from perdure.cli.exit_codes import ExitCode
from perdure.cli.lazy import single
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.cli.watching import watch_live
from perdure.client import Execution, FunctionFailed, StillOpen

app = single()

_LATEST = "$LATEST"
_LARGEST_ASYNCHRONOUS_BYTES = 1_000_000
"""Lambda takes larger events only from callers who wait, and these cannot watch."""


@app.command()
@calls_a_service
def invoke(
    session: Session,
    function: Annotated[
        str, typer.Argument(metavar="FUNCTION[:QUALIFIER]", help="A version, an alias or $LATEST.")
    ],
    payload: Annotated[
        str | None,
        typer.Option("--payload", "-p", metavar="JSON|FILE|-", help="The event; {} without."),
    ] = None,
    event: Annotated[
        str | None, typer.Option(metavar="NAME", help="A saved test event, in place of a payload.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="The execution's name; the same again finds the same.")
    ] = None,
    asynchronous: Annotated[bool, typer.Option("--async", help="Wait for nothing.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, metavar="SECONDS", help="Longest wait for the end.")
    ] = None,
    log: Annotated[bool, typer.Option("--log", help="Show the end of a plain one's log.")] = False,
) -> ExitCode | None:
    """Call a function; print its result.

    A durable function is watched on a terminal while it runs; Ctrl-C leaves it running. Without a
    qualifier, a durable function's $LATEST is called.
    """
    if payload is not None and event is not None:
        raise typer.BadParameter("A call has one event: give --payload or --event.")
    if event is None:
        content = read_payload("{}" if payload is None else payload)
    else:
        content = _saved(session, function, event)
    plain, qualifier = _target(session, function)
    if qualifier is None:
        if name is not None:
            raise typer.BadParameter(f"{function} is not durable: leave out --name.")
        _invoke_plain(session, plain, content, asynchronous=asynchronous, log=log)
        return None
    if len(content) > _LARGEST_ASYNCHRONOUS_BYTES and not asynchronous:
        answer = session.client.invoke(plain, payload=content, qualifier=qualifier, name=name)
        return _show_result(session, session.client.get(answer.execution_arn or ""))
    started = session.client.start(plain, payload=content, qualifier=qualifier, name=name)
    if asynchronous:
        _show_started(session, started.arn)
        return None
    return _show_result(session, _followed(session, started.arn, timeout))


def _saved(session: Session, function: str, event: str) -> bytes:
    saved = session.client.test_events.get(split_function(function)[0], event)
    return json.dumps(saved.event, ensure_ascii=False).encode()


def _target(session: Session, function: str) -> tuple[str, str | None]:
    """Name and qualifier; no qualifier if it is a plain function, which then stands in the name."""
    found = session.client.functions.configuration(function)
    if found.durable is None:
        return function, None
    name, qualifier = split_function(function)
    if qualifier is not None:
        return name, qualifier
    session.say(
        f"{found.name} is durable: calling {_LATEST}. Name a version or an alias to call it."
    )
    return function, _LATEST


def _invoke_plain(
    session: Session, function: str, event: bytes, *, asynchronous: bool, log: bool
) -> None:
    if asynchronous:
        session.client.start(function, payload=event)
        _show_started(session, None)
        return
    try:
        answer = session.client.invoke(function, payload=event, log_tail=log)
    except FunctionFailed as error:
        if error.log_tail:
            session.say(error.log_tail.rstrip())
        raise
    if answer.log_tail:
        session.say(answer.log_tail.rstrip())
    if session.as_json:
        session.emit({"status": "SUCCEEDED", "execution_arn": None, "result": answer.value})
    else:
        typer.echo(answer.payload.decode("utf-8", "replace"))


def _show_started(session: Session, arn: str | None) -> None:
    if session.as_json:
        session.emit({"execution_arn": arn})
    elif arn is None:
        session.say("It is on its way; a plain function leaves no execution to ask for.")
    else:
        typer.echo(arn)
        session.say(f"It runs. Watch it: perdure executions watch '{arn}'")


def _followed(session: Session, arn: str, timeout_seconds: float | None) -> Execution:
    live = sys.stderr.isatty() and not session.as_json and timeout_seconds is None
    try:
        if live:
            return watch_live(session.client, arn)
        return session.client.wait(arn, timeout_seconds=timeout_seconds)
    except (KeyboardInterrupt, StillOpen):
        session.say(f"It goes on. Watch it: perdure executions watch '{arn}'")
        raise


def _show_result(session: Session, execution: Execution) -> ExitCode:
    """The result on standard output; of a failure, the error is raised."""
    if session.as_json:
        session.emit(shape(execution))
        return ExitCode.OK if execution.status == "SUCCEEDED" else ExitCode.FAILED
    execution.outcome()
    typer.echo("null" if execution.result is None else execution.result)
    return ExitCode.OK
