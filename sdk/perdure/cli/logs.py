"""`perdure logs`: what functions have written."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Annotated, Final

import typer

from perdure.cli.arguments import find_execution, function_and_version, parse_time
from perdure.cli.columns import shown_time
from perdure.cli.lazy import single
from perdure.cli.session import Session, calls_a_service
from perdure.cli.shapes import shape
from perdure.client import Client, LogEvent, LogLine

app = single()

_LONG_WAIT_SECONDS: Final = 20.0
_LOOK_SECONDS: Final = 1.0
_PAGE_LINES: Final = 1_000


@app.command()
@calls_a_service
def logs(
    session: Session,
    function: Annotated[
        str | None, typer.Argument(metavar="FUNCTION", help="Not with --execution.")
    ] = None,
    execution: Annotated[
        str | None, typer.Option(metavar="EXECUTION", help="Of one: its ARN, or FUNCTION/NAME.")
    ] = None,
    pattern: Annotated[
        str | None,
        typer.Option("--filter", metavar="PATTERN", help="A filter pattern of CloudWatch Logs."),
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Written after: 15m, 2h, 3d, ISO-8601.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, help="The newest so many.")] = 100,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with what comes.")] = False,
) -> None:
    """Print what a function has written, or what one execution has; with --json one on a line."""
    if (function is None) == (execution is None):
        raise typer.BadParameter("Name a function, or an execution with --execution.")
    if execution is not None and pattern is not None:
        raise typer.BadParameter("--filter is for a function's log, not for one execution's.")
    arn = None if execution is None else find_execution(session.client, execution)
    at = parse_time(since)
    by_perdure = not session.client.endpoint.is_aws and pattern is None
    lines: Iterator[LogLine | LogEvent]
    if by_perdure and (arn is not None or at is None):
        lines = _lines(session.client, arn or function or "", at, limit=limit, follow=follow)
    else:
        name = function or function_and_version(arn or "")[0]
        wanted = pattern if arn is None else f'{{ $.executionArn = "{arn}" }}'
        logging = session.client.functions.configuration(name).logging
        group = None if logging is None else logging.group
        lines = _events(session.client, name, group, at, wanted, limit=limit, follow=follow)
    for line in lines:
        if session.as_json:
            session.emit_line(shape(line))
        else:
            session.print_line(f"{shown_time(line.at)}  {line.message.rstrip()}")


def _lines(
    client: Client, of: str, since: datetime | None, *, limit: int, follow: bool
) -> Iterator[LogLine]:
    """By Perdure's own list, which waits for what comes."""
    found = client.logs.lines(of, newest=True, limit=min(limit, _PAGE_LINES))
    yield from (line for line in found.lines if since is None or line.at >= since)
    while follow:
        found = client.logs.lines(of, after=found.cursor, wait_seconds=_LONG_WAIT_SECONDS)
        yield from found.lines


def _events(
    client: Client,
    function: str,
    group: str | None,
    since: datetime | None,
    pattern: str | None,
    *,
    limit: int,
    follow: bool,
) -> Iterator[LogEvent]:
    """By CloudWatch Logs, which is looked at again and again."""
    found = client.logs.events(function, group=group, since=since, pattern=pattern)
    newest = list(found)[-limit:]
    yield from newest
    while follow:
        last = newest[-1].at if newest else since
        seen = {event.id for event in newest if event.at == last}
        time.sleep(_LOOK_SECONDS)
        found = client.logs.events(function, group=group, since=last, pattern=pattern)
        came = [event for event in found if event.id not in seen]
        yield from came
        newest = (newest + came)[-_PAGE_LINES:]
