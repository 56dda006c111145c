"""The testing kit has the histories that the real service has, scenario by scenario: the same
handlers, the same plays, the same expectations."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest

from perdure.testing import DurableTestRunner
from tests.e2e.scenarios.in_memory import RunInMemory
from tests.e2e.scenarios.library import FOLDER, SCENARIOS, Scenario
from tests.e2e.scenarios.plays.stage import PLAYS
from tests.e2e.scenarios.run import Run
from tests.e2e.scenarios.sdks import PERDURE, with_another_import
from tests.support.history import check_history

LEFT_OUT = {
    "a process dies": """
        context-interrupted execution-crash invoke-of-one-that-dies invoke-plain-crash
        pause-of-a-crash
        step-crash-at-least-once step-crash-at-most-once step-crash-at-most-once-retried step-killed
        condition-crash
    """,
    "the play acts while the handler runs": """
        parallel-callback-beside-a-step parallel-wait-beside-a-step parallel-retry-beside-a-step
        callback-while-running callback-completed-in-a-step execution-stopped-while-running
        pause-while-it-runs pause-taken-back pause-in-branches token-taken
        step-with-a-large-result parallel-first-successful
    """,
    "the play acts before time passes": """
        callback-during-a-wait callback-heartbeats pause-while-a-wait-ends pause-before-a-retry
        pause-over-before-the-wait execution-stopped wait-of-a-year
        step-with-default-retries
    """,
    "the play calls the service itself": """
        invoke invoke-stopped execution-with-a-large-result invoke-by-a-stopped-parent
        pause-of-a-child
    """,
    "a function of another kind": "invoke-timed-out invoke-plain-timed-out",
}
_LEFT_OUT = {name for names in LEFT_OUT.values() for name in names.split()}
IN_MEMORY = [
    scenario
    for scenario in SCENARIOS.values()
    if scenario.function == "self"
    and scenario.reason_against(PERDURE) is None
    and scenario.name not in _LEFT_OUT
]


@pytest.fixture(scope="module")
def handlers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, ModuleType]]:
    """The modules of the scenarios' function, under our SDK."""
    folder = with_another_import(FOLDER / "python", tmp_path_factory.mktemp("kit") / "handlers")
    names = {file.stem for file in folder.glob("*.py")}
    before = {name: sys.modules.pop(name, None) for name in names}
    sys.path.insert(0, str(folder))
    try:
        import lambda_function
        import plain

        yield {"main": lambda_function, "plain": plain}
    finally:
        sys.path.remove(str(folder))
        for name in names:
            sys.modules.pop(name, None)
        sys.modules.update({name: module for name, module in before.items() if module})


@pytest.mark.parametrize("scenario", IN_MEMORY, ids=lambda scenario: scenario.name)
def test_the_history_in_memory_is_as_written(
    scenario: Scenario, handlers: dict[str, ModuleType], tmp_path: Path
) -> None:
    runner = DurableTestRunner(invocation_seconds=20)
    function = handlers["main"]._run
    runner.register(function, PERDURE)
    runner.register(handlers["plain"].lambda_handler, f"{PERDURE}-plain")
    execution = runner.run(function, _event(scenario, tmp_path), synchronous=scenario.sync)
    run = RunInMemory(runner, execution, tmp_path)
    if scenario.name in PLAYS:
        PLAYS[scenario.name](cast("Run", run))
    run.until_closed()
    check_history(scenario.history_for(PERDURE), run.history(), {"self": PERDURE})


def test_what_is_left_out_is_a_scenario() -> None:
    assert _LEFT_OUT - SCENARIOS.keys() == set()


def _event(scenario: Scenario, folder: Path) -> dict[str, Any]:
    told = json.dumps(scenario.event)
    for word, meaning in {"self": PERDURE, "folder": str(folder)}.items():
        told = told.replace(f"{{{word}}}", meaning)
    event = {"scenario": scenario.handler, "folder": str(folder), "self": PERDURE}
    event |= json.loads(told)
    if scenario.filling:
        event["filling"] = "x" * scenario.filling
    return event
