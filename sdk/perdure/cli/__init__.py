"""The command line, `perdure`."""

from __future__ import annotations

import io
import sys

import typer

from perdure.cli.dev import dev
from perdure.cli.worker import worker

app = typer.Typer(
    name="perdure",
    help="AWS Lambda durable functions, self-hosted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.command()(dev)
app.command()(worker)


def main() -> None:
    if isinstance(sys.stdout, io.TextIOWrapper):
        # What a function writes must not fail on a terminal that lacks its letters.
        sys.stdout.reconfigure(errors="backslashreplace")
    app()
