"""The command line, `perdure`."""

from __future__ import annotations

import io
import sys

import typer

from perdure.cli.lazy import LazyCommands

app = typer.Typer(
    name="perdure",
    cls=LazyCommands,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback()
def perdure() -> None:
    """AWS Lambda durable functions, self-hosted."""


def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a function writes must not fail on a terminal that lacks its letters.
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
