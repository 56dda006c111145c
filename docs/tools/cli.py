"""The commands of `perdure`, as they tell of themselves, and what their exit codes say."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from typing import Any, Final, get_args

import typer.main

from docs.tools.markdown import code, table
from perdure.cli import app
from perdure.cli.exit_codes import MEANINGS
from perdure.cli.lazy import COMMANDS
from perdure.cli.session import OPTIONS
from perdure.client import (
    Alias,
    Execution,
    ExecutionSummary,
    Function,
    HistoryEvent,
    LogEvent,
    LogLine,
    Pool,
    SavedEvent,
    SavedEventSummary,
    Worker,
)
from perdure.client.results.progress import OperationProgress

_SHARED: Final = frozenset(name for name, _, _ in OPTIONS)

SHAPES: Final[Mapping[str, tuple[type, Sequence[str]]]] = {
    "an execution, of `invoke` and `executions show`": (Execution, ("operations",)),
    "a line of `executions list`": (ExecutionSummary, ()),
    "an operation, of `executions show`": (OperationProgress, ()),
    "an event, of `executions history` and `watch`": (HistoryEvent, ()),
    "a function, of `functions`, `versions` and `deploy`": (
        Function,
        ("published_versions", "served_by"),
    ),
    "an alias, of `versions`": (Alias, ()),
    "a worker, of `workers`": (Worker, ()),
    "a pool of a worker": (Pool, ()),
    "a line of `logs`": (LogLine, ()),
    "a line of `logs --filter`, or at AWS": (LogEvent, ()),
    "a line of `events list`": (SavedEventSummary, ()),
    "a test event, of `events show` and `save`": (SavedEvent, ()),
}
"""With the members that the command adds."""


def commands() -> Iterator[str]:
    root: Any = typer.main.get_command(app)
    yield from _options(parameter for name, parameter in _shared(root))
    for name in COMMANDS:
        yield ""
        yield f"### perdure {name}"
        yield ""
        yield from _command(root.get_command(None, name), f"perdure {name}")


def exit_codes() -> Iterator[str]:
    yield from table(("code", "says"), ((str(int(one)), text) for one, text in MEANINGS.items()))


def shapes() -> Iterator[str]:
    rows = []
    for what, (kind, more) in SHAPES.items():
        names = [field.name for field in dataclasses.fields(kind)]
        rows.append((what, ", ".join(map(code, [*names, *more]))))
    yield from table(("shape", "members"), rows)


def _shared(root: Any) -> Iterator[tuple[str, Any]]:
    """As the first command that calls a service has them."""
    command = root.get_command(None, "invoke")
    return ((one.name, one) for one in command.params if one.name in _SHARED)


def _command(command: Any, called: str) -> Iterator[str]:
    yield from _paragraphs(command.help)
    inner: Mapping[str, Any] = getattr(command, "commands", {})
    for name, one in inner.items():
        yield ""
        yield f"#### {called} {name}"
        yield ""
        yield from _command(one, f"{called} {name}")
    if inner:
        return
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    words = [_argument(one) for one in arguments]
    yield ""
    yield code(" ".join([called, "[OPTIONS]", *words]))
    own = [one for one in command.params if one.name not in _SHARED and not one.hidden]
    if own:
        yield ""
        yield from _options(own)


def _paragraphs(text: str | None) -> Iterator[str]:
    for number, paragraph in enumerate(inspect.cleandoc(text or "").split("\n\n")):
        if number:
            yield ""
        yield " ".join(paragraph.split())


def _argument(parameter: Any) -> str:
    name = _metavar(parameter) + ("..." if parameter.nargs == -1 else "")
    return name if parameter.required else f"[{name}]"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _options(parameters: Any) -> Iterator[str]:
    yield from table(("", ""), ((_spelled(one), _told(one)) for one in parameters))


def _spelled(parameter: Any) -> str:
    if parameter.param_type_name == "argument":
        return code(_metavar(parameter))
    names = ", ".join(code(name) for name in [*parameter.opts, *parameter.secondary_opts])
    value = "" if parameter.is_flag else f" {code(_value(parameter))}"
    return names + value


def _value(parameter: Any) -> str:
    if parameter.metavar is not None:
        return str(parameter.metavar).replace("|", "\\|")
    kind = parameter.type_descriptor.annotation
    kind = next((one for one in get_args(kind) if one is not type(None)), kind)
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "\\|".join(str(one.value) for one in kind)
    return "N" if kind in (int, float) else "TEXT"


def _told(parameter: Any) -> str:
    text = (parameter.help or "").replace("|", "\\|").rstrip(".")
    default = parameter.default
    is_told = default not in (None, False, (), []) and not callable(default)
    parts = [text]
    if is_told and parameter.param_type_name == "option":
        shown = getattr(default, "value", default)
        parts.append(f"default {'yes' if default is True else code(str(shown))}")
    if parameter.envvar:
        parts.append(f"variable {code(str(parameter.envvar))}")
    return "; ".join(filter(None, parts))
