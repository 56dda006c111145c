"""What `perdure dev` and `perdure worker` ask for alike: functions and how to run them."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, assert_never

import typer

from perdure.worker.durable_source import is_durable_here
from perdure.worker.functions import ServedFunction
from perdure.worker.handler_error import HandlerSpecError
from perdure.worker.handler_spec import HandlerSpec, Language, parse_handler_specs
from perdure.worker.in_process_runtime import InProcessRuntime
from perdure.worker.node_runtime import NodeRuntimeMissing, find_node_runtime
from perdure.worker.python_runtime import PythonRuntime, PythonRuntimeMissing, python_runtime
from perdure.worker.runtime import Runtime
from perdure.worker.service_client import DurableConfig

_NAMED = re.compile(r"(?P<name>[a-zA-Z0-9-_]{1,64})=(?P<target>.+)")

DAY_SECONDS = 86_400
LONGEST_EXECUTION_SECONDS = 366 * DAY_SECONDS
LONGEST_TIMEOUT_SECONDS = 900

SPEC_HELP = "Handlers: [NAME=]PATH[:ATTRIBUTE], PATH a .py, .mjs, .js or .cjs."

Concurrency = Annotated[
    int, typer.Option(min=1, max=1000, help="Most invocations of one function at a time.")
]
Reload = Annotated[bool, typer.Option(help="Load the code again when it is edited.")]
Plain = Annotated[
    list[str], typer.Option(metavar="NAME", help="Serve this function as an ordinary one.")
]
ExecutionTimeout = Annotated[
    int,
    typer.Option(min=1, max=LONGEST_EXECUTION_SECONDS, help="Longest execution, in seconds."),
]
RetentionDays = Annotated[
    int, typer.Option(min=1, max=90, help="Days for which a closed execution is kept.")
]
Timeout = Annotated[
    int, typer.Option(min=1, max=LONGEST_TIMEOUT_SECONDS, help="Longest invocation, in seconds.")
]
PythonProgram = Annotated[
    Path | None,
    typer.Option(
        "--python",
        envvar="PERDURE_PYTHON",
        metavar="PATH",
        help="The interpreter of Python functions, with awslambdaric, if not this one.",
    ),
]
NodeRuntimeFolder = Annotated[
    Path | None,
    typer.Option(
        "--node-runtime",
        envvar="PERDURE_NODE_RUNTIME",
        metavar="DIR",
        help="Where npm installed aws-lambda-ric, if not beside the JavaScript function.",
    ),
]

InProcess = Annotated[
    bool | None,
    typer.Option(
        "--in-process/--no-in-process",
        help="Whether one process runs many invocations. By default: of handlers on Perdure's SDK.",
        show_default=False,
    ),
]
DeadLetter = Annotated[
    list[str],
    typer.Option(
        metavar="[NAME=]URL",
        help="Where events of failed asynchronous executions go: of this function, or of all.",
    ),
]

DEFAULT_CONCURRENCY = 32
DEFAULT_EXECUTION_TIMEOUT = DAY_SECONDS
DEFAULT_RETENTION_DAYS = 14
DEFAULT_TIMEOUT = 900


def served_functions(
    specs: Sequence[str],
    *,
    plain: Sequence[str],
    execution_timeout: int,
    retention_days: int,
    timeout: int,
    python: Path | None,
    node_runtime: Path | None,
    dead_letter: Sequence[str] = (),
    in_process: bool | None = None,
) -> tuple[ServedFunction, ...]:
    """Raises typer.BadParameter, whose text says what to change."""
    try:
        parsed = parse_handler_specs(specs)
    except HandlerSpecError as error:
        raise typer.BadParameter(str(error)) from error
    names = [spec.name for spec in parsed]
    _check_names("--plain", plain, names)
    targets = dict(map(_dead_letter, dead_letter))
    _check_names("--dead-letter", [name for name in targets if name], names)
    durable = DurableConfig(execution_timeout, retention_days)
    for_python = _python_runtime(python)
    return tuple(
        ServedFunction(
            spec,
            _runtime(
                spec,
                for_python,
                node_runtime,
                # A plain function is no durable one: it has a process to itself.
                False if spec.name in plain else in_process,
            ),
            None if spec.name in plain else durable,
            timeout,
            dead_letter=targets.get(spec.name, targets.get("")),
        )
        for spec in parsed
    )


def _python_runtime(named: Path | None) -> PythonRuntime:
    try:
        return PythonRuntime() if named is None else python_runtime(named)
    except PythonRuntimeMissing as error:
        raise typer.BadParameter(str(error), param_hint="--python") from error


def _runtime(
    spec: HandlerSpec,
    for_python: PythonRuntime,
    node_runtime: Path | None,
    in_process: bool | None,
) -> Runtime:
    match spec.language:
        case Language.PYTHON:
            if in_process is None:
                in_process = is_durable_here(spec.file, spec.attribute)
            return InProcessRuntime(for_python) if in_process else for_python
        case Language.NODE:
            named = None if node_runtime is None else node_runtime.expanduser().absolute()
            try:
                return find_node_runtime(spec.folder, named, os.environ.get("PATH"))
            except NodeRuntimeMissing as error:
                hint = None if named is None else "--node-runtime"
                raise typer.BadParameter(str(error), param_hint=hint) from error
        case other:
            assert_never(other)


def _check_names(option: str, given: Sequence[str], served: Sequence[str]) -> None:
    unknown = sorted(set(given) - set(served))
    if unknown:
        named = ", ".join(served) or "none"
        raise typer.BadParameter(
            f"{option} {unknown[0]}: no function of that name is served (there is: {named})"
        )


def _dead_letter(text: str) -> tuple[str, str]:
    """The function's name, empty for all of them, and where its dead letters go."""
    named = _NAMED.fullmatch(text)
    return (named["name"], named["target"]) if named else ("", text)


def needs_runtime_clients(functions: Sequence[ServedFunction]) -> bool:
    """Whether one of them runs on a runtime client of AWS's."""
    return not all(isinstance(function.runtime, InProcessRuntime) for function in functions)
