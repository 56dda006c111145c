"""What every command that calls a service has: the options to reach it, and one way to fail."""

from __future__ import annotations

import functools
import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Annotated, Any, Concatenate, ParamSpec, cast

import typer

from perdure.cli.exit_codes import ExitCode, exit_code
from perdure.client import Client, ClientError
from perdure.client.endpoint import DEFAULT_URL

P = ParamSpec("P")

Endpoint = Annotated[
    str | None,
    typer.Option(
        "--endpoint",
        envvar="PERDURE_URL",
        metavar="URL",
        help=f"Where the service is, or aws. Default: the environment's, or {DEFAULT_URL}.",
    ),
]
Region = Annotated[str | None, typer.Option(help="The region of AWS.")]
Profile = Annotated[str | None, typer.Option(help="The profile of AWS's shared files.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]

OPTIONS: tuple[tuple[str, Any, Any], ...] = (
    ("endpoint", Endpoint, None),
    ("region", Region, None),
    ("profile", Profile, None),
    ("as_json", AsJson, False),
)


@dataclass(frozen=True)
class Session:
    """One run of a command. The client is made when it is first asked for."""

    endpoint: str | None
    region: str | None
    profile: str | None
    as_json: bool

    @cached_property
    def client(self) -> Client:
        # httpx has a command line of its own, most of its import. Without it, it does as well.
        sys.modules.setdefault("httpx._main", cast(ModuleType, None))
        return Client(self.endpoint, region=self.region, profile=self.profile)

    def emit(self, shape: object) -> None:
        """One JSON document on standard output."""
        typer.echo(json.dumps(shape, ensure_ascii=False, indent=2))

    def emit_line(self, shape: object) -> None:
        """One JSON document on a line of its own: for streams of them."""
        self.print_line(json.dumps(shape, ensure_ascii=False))

    def print_line(self, text: str) -> None:
        """One line of a stream, at once."""
        typer.echo(text)
        sys.stdout.flush()

    def say(self, text: str) -> None:
        """To people; never where results go."""
        typer.echo(text, err=True)

    def close(self) -> None:
        if "client" in self.__dict__:
            self.client.close()


def calls_a_service(
    run: Callable[Concatenate[Session, P], ExitCode | None],
) -> Callable[..., None]:
    """A command with the options that all of these have, which ends with an exit code."""

    @functools.wraps(run)
    def command(*arguments: Any, **named: Any) -> None:
        options = {name: named.pop(name) for name, _, _ in OPTIONS}
        session = Session(**options)
        try:
            code = run(session, *arguments, **named) or ExitCode.OK
        except ClientError as error:
            code = exit_code(error)
            _tell(session, error, code)
        except KeyboardInterrupt:
            code = ExitCode.INTERRUPTED
        finally:
            session.close()
        raise typer.Exit(code)

    _, *own = inspect.signature(run, eval_str=True).parameters.values()
    keyword_only = inspect.Parameter.KEYWORD_ONLY
    shared = [
        inspect.Parameter(name, keyword_only, default=default, annotation=annotation)
        for name, annotation, default in OPTIONS
    ]
    parameters = [*own, *shared]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # typer reads it
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _tell(session: Session, error: ClientError, code: ExitCode) -> None:
    if session.as_json:
        shape = {"error": type(error).__name__, "message": str(error), "exit_code": int(code)}
        typer.echo(json.dumps(shape, ensure_ascii=False), err=True)
        return
    typer.echo(f"Error: {error}", err=True)
    for note in getattr(error, "__notes__", ()):
        typer.echo(note, err=True)
