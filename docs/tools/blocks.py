"""The parts of docs/reference that are printed from the code, and the pages around them.

A page is written by hand, but for what stands between two comments:

    <!-- printed: events -->
    ...
    <!-- end -->
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path

from docs.tools import cli, client, errors, executions, history, limits, operations, sdk, testing
from perdure_service.domain.operations import OperationType

FOLDER = Path(__file__).resolve().parents[1] / "reference"
COMMAND = ".venv/bin/python -m docs.tools"

BLOCKS: Mapping[str, Callable[[], Iterable[str]]] = {
    **{f"transitions of {type_}": partial(operations.block, type_) for type_ in OperationType},
    "details of operations": operations.shown,
    "ways of an execution": executions.block,
    "events": history.block,
    "refusals": errors.refusals,
    "error types": errors.error_types,
    "limits of an execution": limits.of_an_execution,
    "retries of invocations": limits.of_retries,
    "tries of a dead letter": limits.of_dead_letters,
    "times": limits.of_times,
    "rates": limits.of_rates,
    "commands": cli.commands,
    "exit codes": cli.exit_codes,
    "json shapes": cli.shapes,
    "methods of the client": client.methods,
    "errors of the client": client.error_tree,
    "decorators of the SDK": sdk.decorators,
    "operations of the SDK": sdk.operations,
    "values of the SDK": sdk.values,
    "what the SDK gives": sdk.given,
    "configuration of the SDK": sdk.configurations,
    "serialisation of the SDK": sdk.serialisation,
    "retry presets": sdk.presets,
    "errors of the SDK": sdk.error_tree,
    "what the errors of the SDK mean": sdk.errors,
    "runner of the testing kit": testing.runner,
    "executions of the testing kit": testing.execution,
    "operations of the testing kit": testing.operation,
    "callbacks of the testing kit": testing.callback,
    "crashes of the testing kit": testing.crashes,
    "errors of the testing kit": testing.error_tree,
}

BLOCK = re.compile(r"(?<=<!-- printed: )([^\n]+)( -->\n)(.*?)(?=<!-- end -->)", re.DOTALL)


def printed(page: str) -> str:
    """The page with its blocks as the code has them now. Raises KeyError for an unknown one."""
    return BLOCK.sub(lambda block: f"{block[1]}{block[2]}{_text(block[1])}", page)


def _text(name: str) -> str:
    return "".join(f"{line}\n" for line in BLOCKS[name]())
