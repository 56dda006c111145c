"""Optional parts of the installation, named by the line that installs them."""

from __future__ import annotations

import importlib.util
import sys

import typer

_MODULES = {
    "server": ("alembic", "fastapi", "psycopg", "sqlalchemy", "uvicorn"),
    "lambda": ("awslambdaric", "watchfiles"),
}
EXIT_MISSING_EXTRA = 2


def is_installed(extra: str) -> bool:
    return all(importlib.util.find_spec(module) is not None for module in _MODULES[extra])


def require(*extras: str) -> None:
    """End the program with advice unless all of these extras are installed."""
    missing = [extra for extra in extras if not is_installed(extra)]
    if not missing:
        return
    typer.echo(
        f"This needs parts of Perdure that are not installed. Install them with\n\n"
        f"    pip install 'perdure[{','.join(missing)}]'\n",
        err=True,
    )
    if "lambda" in missing and sys.platform != "linux":
        typer.echo("AWS's runtime client (awslambdaric) exists for Linux only.", err=True)
    raise typer.Exit(EXIT_MISSING_EXTRA)
