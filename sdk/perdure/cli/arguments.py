"""How people spell payloads, times and executions on the command line."""

from __future__ import annotations

import json
import re
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from perdure.client import Client, NotFound
from perdure.utc_clock import utc_now

ExecutionArgument = Annotated[
    str,
    typer.Argument(metavar="EXECUTION", help="An execution's ARN, or FUNCTION/NAME."),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]

_AGO = re.compile(r"(?P<number>\d+)(?P<unit>[smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_payload(text: str) -> bytes:
    """JSON itself, `-` for standard input, or the path of a file, perhaps behind an @. Raises
    typer.BadParameter unless it is JSON."""
    if text == "-":
        return _json(sys.stdin.buffer.read(), "standard input")
    path = Path(text.removeprefix("@")).expanduser()
    if text.startswith("@") or (not _is_json(text) and path.is_file()):
        try:
            return _json(path.read_bytes(), str(path))
        except OSError as error:
            raise typer.BadParameter(f"{path} cannot be read: {error.strerror}") from error
    return _json(text.encode(), "the payload")


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _json(content: bytes, what: str) -> bytes:
    try:
        json.loads(content)
    except ValueError as error:
        raise typer.BadParameter(
            f"{what[0].upper()}{what[1:]} is not JSON: {error}. Give JSON, the path of a file "
            "that holds it, or - for standard input; text needs its quotes, as '\"text\"'."
        ) from error
    return content


def parse_time(text: str | None) -> datetime | None:
    """ISO-8601, in the local zone unless it says another, or how long ago, as 15m, 2h, 3d."""
    if text is None:
        return None
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return utc_now() - timedelta(**{_UNITS[ago["unit"]]: int(ago["number"])})
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is no time: give it as 2026-01-31T12:00:00Z, or as 15m, 2h, 3d ago"
        ) from None


def find_execution(client: Client, text: str) -> str:
    """The ARN of the execution that is named. Raises NotFound."""
    if text.startswith("arn:"):
        return text
    function, slash, name = text.rpartition("/")
    if not slash or not function or not name:
        raise typer.BadParameter(
            f"{text!r} is no execution: give its ARN, or FUNCTION/NAME as `perdure executions "
            "list` shows it"
        )
    found = next(client.list(function, name=name, page_size=1), None)
    if found is None:
        raise NotFound(404, "", f"The function {function} has no execution named {name}.")
    return found.arn


def split_function(text: str) -> tuple[str, str | None]:
    """Name or ARN of a function, and its qualifier if it has one. An ARN has six colons before the
    name, and one before the qualifier."""
    if text.count(":") not in (1, 7):
        return text, None
    name, _, qualifier = text.rpartition(":")
    return name, qualifier


def function_and_version(arn: str) -> tuple[str, str]:
    """From the ARN of a function or of an execution."""
    _, _, rest = arn.partition(":function:")
    name, _, version = rest.partition("/")[0].partition(":")
    return name, version


def confirm(question: str, *, yes: bool) -> None:
    """Raises typer.Exit if the answer is no, typer.BadParameter if there is nobody to ask."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise typer.BadParameter(f"{question} Nobody is here to answer: say --yes.")
    if not typer.confirm(question):
        raise typer.Exit(1)
