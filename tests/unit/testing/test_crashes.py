"""Crashes at every point, and replays."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import pytest

from perdure.testing import (
    CrashChangedOutcome,
    DurableExecution,
    DurableTestRunner,
    NotDeterministic,
    crash_everywhere,
)
from tests.support.scripted import Script, scripted

counts: Counter[str] = Counter()


def counted(name: str) -> Any:
    counts[name] += 1
    return counts[name]


@scripted
async def order(script: Script) -> Any:
    await script.step("charge", lambda: counted("charge") and "charged")
    await script.wait("nap", seconds=60)
    await script.callback("approval")
    return await script.step("ship", lambda: counted("ship") and "shipped")


def approve(runner: DurableTestRunner) -> None:
    runner.answer_callbacks("approval", "yes")


def test_a_function_that_bears_crashes_passes_with_one_at_every_point() -> None:
    runs = crash_everywhere(order, arrange=approve, side_effects=counts)
    assert [str(run.point) for run in runs[1:]] == [
        f"{side} checkpoint {number}" for number in range(1, 5) for side in ("before", "after")
    ]
    assert {run.execution.status for run in runs} == {"SUCCEEDED"}
    assert runs[1].side_effects == {"charge": 2, "ship": 1}
    assert runs[2].side_effects == {"charge": 1, "ship": 1}
    assert runs[1].execution.step("charge").runs == 2


def test_what_comes_from_outside_can_be_done_at_the_end_of_each_run() -> None:
    def act(execution: DurableExecution) -> None:
        execution.callback("approval").succeed("yes")

    assert len(crash_everywhere(order, act=act)) == 9


def test_a_side_effect_that_must_not_happen_twice_is_found() -> None:
    with pytest.raises(CrashChangedOutcome, match=r"(?s)before checkpoint 1: 'charge' happened 2"):
        crash_everywhere(order, arrange=approve, side_effects=counts, at_most_once={"charge"})


def test_a_result_that_depends_on_a_crash_is_found_and_both_histories_told() -> None:
    @scripted
    async def careless(script: Script) -> Any:
        counted("outside of a step")
        await script.step("first")
        return counts["outside of a step"]

    told = r"(?s)with a crash .*it ended .*With the crash.*Without it"
    with pytest.raises(CrashChangedOutcome, match=told):
        crash_everywhere(careless, side_effects=counts)


def test_a_step_that_runs_although_it_was_complete_is_found() -> None:
    @scripted
    async def forgetful(script: Script) -> Any:
        script.operations.pop("first", None)
        await script.step("first")
        await script.wait("nap", seconds=1)

    with pytest.raises(CrashChangedOutcome, match="ran again although it was complete: first"):
        crash_everywhere(forgetful)


def test_a_run_with_a_crash_has_it_in_its_history() -> None:
    runner = DurableTestRunner()
    approve(runner)
    runner.crash("after", 1)
    execution = runner.run(order)
    assert "Runtime.ExitError" in execution.text
    assert execution.status == "SUCCEEDED"
    assert execution.invocations == 4


def test_a_deterministic_function_replays_alike() -> None:
    runner = DurableTestRunner()
    execution = runner.run(order)
    execution.check_determinism()
    execution.callback("approval").succeed()
    execution.check_determinism()


def test_a_replay_that_begins_another_operation_is_told_by_name() -> None:
    numbers = itertools.count()

    @scripted
    async def fickle(script: Script) -> Any:
        await script.step(f"step-{next(numbers)}")

    execution = DurableTestRunner().run(fickle)
    with pytest.raises(NotDeterministic, match=r"(?s)it began STEP 'step-1' \(START\).*step-0"):
        execution.check_determinism()


def test_a_replay_that_returns_something_else_is_told() -> None:
    numbers = itertools.count()

    @scripted
    async def fickle(script: Script) -> Any:
        await script.step("only")
        return next(numbers)

    execution = DurableTestRunner().run(fickle)
    with pytest.raises(NotDeterministic, match="it returned 1, the history has 0"):
        execution.check_determinism()
