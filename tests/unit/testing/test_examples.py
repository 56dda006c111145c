"""The examples, under our SDK by their import line, with a crash at every point."""

from __future__ import annotations

import json
import types
from pathlib import Path
from typing import Any

import pytest

from perdure.testing import DurableTestRunner, crash_everywhere

EXAMPLES = Path(__file__).parents[3] / "examples"
PYTHON = sorted(file.parent for file in EXAMPLES.glob("*/lambda_function.py"))
AT_MOST_ONCE = {"agent"}
"""A crash in the middle of a step is an error there, and by intent."""


def handler_of(folder: Path) -> Any:
    source = (folder / "lambda_function.py").read_text()
    module = types.ModuleType(f"example_{folder.name}")
    exec(  # noqa: S102  # our own example
        source.replace("aws_durable_execution_sdk_python", "perdure"), module.__dict__
    )
    return module.lambda_handler


def approve(runner: DurableTestRunner) -> None:
    runner.answer_callbacks("approval", {"by": "ada"})


@pytest.mark.parametrize(
    "folder",
    [folder for folder in PYTHON if folder.name not in AT_MOST_ONCE],
    ids=lambda folder: folder.name,
)
def test_an_example_ends_alike_wherever_it_crashes(folder: Path) -> None:
    event = json.loads((folder / "event.json").read_text())
    handler = handler_of(folder)
    runs = crash_everywhere(handler, event, arrange=approve)
    assert len(runs) > 5
    assert {run.execution.status for run in runs} == {"SUCCEEDED"}


@pytest.mark.parametrize("folder", PYTHON, ids=lambda folder: folder.name)
def test_an_example_is_deterministic(folder: Path) -> None:
    runner = DurableTestRunner()
    approve(runner)
    event = json.loads((folder / "event.json").read_text())
    execution = runner.run(handler_of(folder), event)
    assert execution.status == "SUCCEEDED"
    execution.check_determinism()
