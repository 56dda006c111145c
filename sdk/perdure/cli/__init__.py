"""The command line, `perdure`."""

from __future__ import annotations

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
    app()
