"""What tests use, from its own texts: the runner, what it tells of executions, its errors."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Iterator

from docs.tools.markdown import code, table
from perdure import testing
from perdure.testing import errors

_FOR_THE_VIEWS = frozenset({"clock", "invocations_of", "runs_of"})


def runner() -> Iterator[str]:
    yield from _members(testing.DurableTestRunner)


def execution() -> Iterator[str]:
    yield from _members(testing.DurableExecution)


def callback() -> Iterator[str]:
    yield from _members(testing.CallbackHandle)


def operation() -> Iterator[str]:
    yield _text(testing.OperationView)
    yield ""
    yield ", ".join(code(field.name) for field in dataclasses.fields(testing.OperationView))


def crashes() -> Iterator[str]:
    signature = _parameters(testing.crash_everywhere)
    yield f"`crash_everywhere({signature})`"
    yield ""
    yield from (inspect.getdoc(testing.crash_everywhere) or "").splitlines()


def error_tree() -> Iterator[str]:
    yield "```text"
    text = inspect.getdoc(errors) or ""
    yield from (line.removeprefix("    ") for line in text.split("\n\n")[1].splitlines())
    yield "```"


def _members(of: type) -> Iterator[str]:
    """Methods and properties in the order of the source, each with its text."""
    rows = []
    for name, member in vars(of).items():
        if name.startswith("_") or name in _FOR_THE_VIEWS or not inspect.getdoc(member):
            continue
        if isinstance(member, property):
            rows.append((code(name), _text(member)))
        elif inspect.isfunction(member):
            rows.append((code(f"{name}({_parameters(member)})"), _text(member)))
    yield from table(("member", ""), rows)


def _parameters(function: object) -> str:
    """Names and defaults, without types."""
    assert callable(function)
    shown = []
    for parameter in inspect.signature(function).parameters.values():
        if parameter.name == "self":
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in shown:
            shown.append("*")
        default = parameter.default
        if default is parameter.empty:
            shown.append(parameter.name)
        elif isinstance(default, type):
            shown.append(f"{parameter.name}={default.__name__}")
        else:
            shown.append(f"{parameter.name}={default!r}")
    return ", ".join(shown)


def _text(of: object) -> str:
    """In one line, as a table wants it."""
    return " ".join((inspect.getdoc(of) or "").split()).replace("|", "\\|")
