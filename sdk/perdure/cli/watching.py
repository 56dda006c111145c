"""Following an execution to its end: a table that lives on a terminal, else a line per event."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

from perdure.cli.columns import colour_of, shown_span, shown_time
from perdure.client import Client, Execution, HistoryEvent
from perdure.client.results.progress import OperationProgress, operations_of
from perdure.utc_clock import utc_now

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table

_LONGEST_LOOK_SECONDS = 1.0
_MOST_ROWS = 40


def watch_live(client: Client, arn: str, stream: TextIO = sys.stderr) -> Execution:
    """A table of the operations that is kept current on `stream`, a terminal."""
    from rich.console import Console
    from rich.live import Live

    events: list[HistoryEvent] = []

    def table() -> RenderableType:
        return operations_table(operations_of(events), utc_now())

    console = Console(file=stream)
    with Live(console=console, refresh_per_second=4, get_renderable=table) as live:
        for event in client.follow(arn, longest_look_seconds=_LONGEST_LOOK_SECONDS):
            events.append(event)
        live.refresh()
    return client.get(arn)


def operations_table(operations: list[OperationProgress], now: datetime) -> Table:
    """The last forty; waits show what is left of them."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="dim", pad_edge=False)
    for column in ("operation", "type", "status", "attempt", "time", "left"):
        table.add_column(column)
    hidden = len(operations) - _MOST_ROWS
    if hidden > 0:
        table.add_row(Text(f"({hidden} more before)", "dim"))
    for one in operations[-_MOST_ROWS:]:
        table.add_row(
            Text("  " * one.depth + one.name),
            one.sub_type or one.type,
            Text(one.status, colour_of(one.status) or ""),
            "" if one.attempt is None else str(one.attempt),
            shown_span(one.started_at, one.ended_at or now),
            _left(one, now),
        )
    return table


def _left(operation: OperationProgress, now: datetime) -> str:
    if operation.due_at is None:
        return ""
    return f"{max(0.0, (operation.due_at - now).total_seconds()):.1f}s"


def event_line(event: HistoryEvent) -> str:
    """One event, for people."""
    name = "" if event.of_the_execution else event.name or ""
    error = f"  {event.error}" if event.error is not None else ""
    at = f"{shown_time(event.at)}.{event.at.microsecond // 1000:03}"
    return f"{at}  {event.id:>4}  {event.type} {name}{error}".rstrip()
