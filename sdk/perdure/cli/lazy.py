"""Commands that are loaded when they are called: each costs what it needs itself."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final

import typer.main
from typer.core import TyperGroup

COMMANDS: Final[Mapping[str, str]] = {
    "dev": "perdure.cli.dev",
    "worker": "perdure.cli.worker",
    "deploy": "perdure.cli.deploy.command",
    "functions": "perdure.cli.functions",
    "versions": "perdure.cli.versions",
    "delete": "perdure.cli.delete",
    "invoke": "perdure.cli.invoke",
    "events": "perdure.cli.events",
    "executions": "perdure.cli.executions",
    "callbacks": "perdure.cli.callbacks",
    "logs": "perdure.cli.logs",
    "workers": "perdure.cli.workers",
}
"""The modules of the commands; each has its `app`. The order is that of the help."""


class LazyCommands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        if cmd_name not in COMMANDS:
            return None
        command = typer.main.get_command(import_module(COMMANDS[cmd_name]).app)
        command.name = cmd_name
        return command


def group(help_text: str) -> typer.Typer:
    """For a module with several commands under one name."""
    app = typer.Typer(
        help=help_text, no_args_is_help=True, add_completion=False, rich_markup_mode=None
    )
    app.callback()(lambda: None)
    return app


def single() -> typer.Typer:
    """For a module with one command."""
    return typer.Typer(add_completion=False, rich_markup_mode=None)
