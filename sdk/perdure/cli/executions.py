"""`perdure executions`: look after what runs and what has run."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import islice
from types import MappingProxyType
from typing import Annotated

import typer

from perdure.cli.arguments import (
    ExecutionArgument,
    Yes,
    confirm,
    find_execution,
    function_and_version,
    parse_time,
)
from perdure.cli.columns import print_columns, shown_span, shown_time
from perdure.cli.exit_codes import ExitCode
from perdure.cli.lazy import group
from perdure.cli.report import execution_report
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.cli.watching import event_line, watch_live
from perdure.client import ErrorObject, Execution, ExecutionStatus, ExecutionSummary, HistoryEvent
from perdure.client.results.progress import operations_of

app = group("Look after what runs and what has run.")

Reason = Annotated[str | None, typer.Option(help="For whoever asks later.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, help="At most so many.")]


@app.command("list")
@calls_a_service
def list_(
    session: Session,
    function: Annotated[
        str | None,
        typer.Argument(metavar="FUNCTION[:QUALIFIER]", help="Of all functions without it."),
    ] = None,
    status: Annotated[
        list[ExecutionStatus] | None, typer.Option(help="Only those; may be repeated.")
    ] = None,
    name: Annotated[
        str | None, typer.Option(help="Of that name; of all functions, the start.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Started after: 15m, 2h, 3d, ISO-8601.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Started before.")] = None,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Not the newest.")] = False,
    limit: Limit = 50,
) -> None:
    """List executions, newest first."""
    found = session.client.list(
        function,
        name=name,
        statuses=status or (),
        started_after=parse_time(since),
        started_before=parse_time(until),
        oldest_first=oldest_first,
        page_size=min(limit, 1_000),
    )
    _print_executions(session, islice(found, limit))


def _print_executions(session: Session, executions: Iterable[ExecutionSummary]) -> None:
    if session.as_json:
        session.emit([shape(one) for one in executions])
        return
    print_columns(
        ("status", "started", "took", "function", "version", "name"),
        [
            (
                one.status.value,
                shown_time(one.started_at),
                shown_span(one.started_at, one.ended_at),
                *function_and_version(one.arn),
                one.name,
            )
            for one in executions
        ],
    )


@app.command()
@calls_a_service
def show(session: Session, execution: ExecutionArgument) -> None:
    """Show one execution and its operations."""
    arn = find_execution(session.client, execution)
    found = session.client.get(arn)
    operations = operations_of(session.client.history(arn))
    if session.as_json:
        session.emit({**shape(found), "operations": shape(operations)})
        return
    for line in execution_report(found, operations):
        typer.echo(line)


@app.command()
@calls_a_service
def history(
    session: Session,
    execution: ExecutionArgument,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="The other way.")] = False,
    limit: Annotated[
        int | None, typer.Option("--limit", "-n", min=1, help="At most so many events.")
    ] = None,
    data: Annotated[bool, typer.Option(help="With payloads and errors.")] = True,
) -> None:
    """Print an execution's events; with --json one on a line."""
    arn = find_execution(session.client, execution)
    events = session.client.history(arn, newest_first=newest_first, include_data=data)
    for event in islice(events, limit):
        _print_event(session, event)


@app.command()
@calls_a_service
def watch(session: Session, execution: ExecutionArgument) -> ExitCode:
    """Follow an execution to its end; the exit code tells how it ended.

    On a terminal a table of its operations, else, or with --json, a line for each event.
    """
    client = session.client
    arn = find_execution(client, execution)
    if sys.stdout.isatty() and not session.as_json:
        return _ended(session, watch_live(client, arn, sys.stdout))
    for event in client.follow(arn):
        _print_event(session, event)
    return _ended(session, client.get(arn))


def _print_event(session: Session, event: HistoryEvent) -> None:
    if session.as_json:
        session.emit_line(shape(event))
    else:
        session.print_line(event_line(event))


def _ended(session: Session, execution: Execution) -> ExitCode:
    session.say(f"{execution.status} {'' if execution.error is None else execution.error}".rstrip())
    return ExitCode.OK if execution.status is ExecutionStatus.SUCCEEDED else ExitCode.FAILED


@app.command()
@calls_a_service
def stop(
    session: Session,
    execution: ExecutionArgument,
    message: Annotated[str | None, typer.Option("--message", "-m", help="Why.")] = None,
    type_: Annotated[str | None, typer.Option("--type", help="The error's type.")] = None,
) -> None:
    """End an execution for good."""
    error = ErrorObject(message, type_) if message is not None or type_ is not None else None
    arn = find_execution(session.client, execution)
    at = session.client.stop(arn, error=error)
    _done(session, arn, "stopped", {"stopped_at": shape(at)})


@app.command()
@calls_a_service
def pause(
    session: Session,
    execution: ExecutionArgument,
    reason: Reason = None,
    keep_deadline: Annotated[
        bool, typer.Option("--keep-deadline", help="Let the execution timeout run on.")
    ] = False,
) -> None:
    """Let nothing of an execution run until it is resumed."""
    arn = find_execution(session.client, execution)
    session.client.pause(arn, reason=reason, execution_timeout_paused=not keep_deadline)
    _done(session, arn, "paused")


@app.command()
@calls_a_service
def resume(session: Session, execution: ExecutionArgument, reason: Reason = None) -> None:
    """Let a paused execution go on."""
    arn = find_execution(session.client, execution)
    session.client.resume(arn, reason=reason)
    _done(session, arn, "resumed")


@app.command()
@calls_a_service
def delete(session: Session, execution: ExecutionArgument, yes: Yes = False) -> None:
    """Purge an execution that has ended: its history, its payloads, its name."""
    arn = find_execution(session.client, execution)
    confirm(f"Delete {arn}?", yes=yes)
    at = session.client.delete(arn)
    _done(session, arn, "deleted", {"deletion_requested_at": shape(at)})


def _done(
    session: Session, arn: str, what: str, more: Mapping[str, object] = MappingProxyType({})
) -> None:
    if session.as_json:
        session.emit({"execution_arn": arn, "done": what, **more})
    else:
        session.say(f"{what[0].upper()}{what[1:]}: {arn}")
