"""Tables for people and for `awk`: aligned, never cut, coloured on a terminal only."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

import typer

_GAP = "  "
_COLOURS: Final[Mapping[str, str]] = {
    "SUCCEEDED": "green",
    "FAILED": "red",
    "TIMED_OUT": "red",
    "STOPPED": "magenta",
    "CANCELLED": "magenta",
    "RUNNING": "yellow",
    "STARTED": "yellow",
    "PENDING": "yellow",
    "PAUSING": "cyan",
    "PAUSED": "cyan",
    "DELETING": "magenta",
}


def colour_of(status: str) -> str | None:
    return _COLOURS.get(status)


def is_colourful() -> bool:
    """A terminal, and nobody who wants it plain."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def print_columns(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    for line in columns(heads, list(rows)):
        typer.echo(line)


def columns(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    table = [[head.upper() for head in heads], *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(heads))]
    colourful = is_colourful()
    for row in table:
        painted = colourful and row is not table[0]  # a column may be called STARTED
        cells = [
            _painted(cell, f"{cell:<{width}}") if painted else f"{cell:<{width}}"
            for cell, width in zip(row, widths, strict=True)
        ]
        yield _GAP.join(cells).rstrip()


def _painted(status: str, cell: str) -> str:
    colour = colour_of(status)
    return typer.style(cell, fg=colour) if colour else cell


def shown_time(at: datetime | None) -> str:
    """To the second, in the zone of who reads it."""
    return "" if at is None else at.astimezone().strftime("%Y-%m-%d %H:%M:%S")


def shown_span(start: datetime, end: datetime | None) -> str:
    """The two largest units that say something: 1.234s, 2m05s, 3h04m, 5d06h; nothing if open."""
    if end is None:
        return ""
    seconds = (end - start).total_seconds()
    if seconds < 60:
        return f"{seconds:.3f}s" if seconds < 10 else f"{seconds:.1f}s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours}h{minutes:02}m"
    days, hours = divmod(hours, 24)
    return f"{days}d{hours:02}h"
