"""How a pause moves the deadline of an execution."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.execution import ExecutionStatus, TimerKind
from perdure_service.domain.instant import Instant
from tests.support.executions import at
from tests.support.scenario import Scenario, running, waiting

YEAR = 366 * 86_400


def deadline_of(scenario: Scenario) -> Instant:
    armed = scenario.execution.armed.get((TimerKind.EXECUTION, ""))
    assert armed == scenario.execution.times_out_at
    assert armed is not None
    return armed


def test_the_time_that_it_is_paused_does_not_count() -> None:
    scenario = waiting(timeout_seconds=100)
    assert deadline_of(scenario) == at(100)
    scenario.after(20).pauses()
    assert deadline_of(scenario) == at(YEAR)
    scenario.after(500).resumes()
    assert deadline_of(scenario) == at(600)
    scenario.after(10).pauses()
    scenario.after(5).resumes()
    assert deadline_of(scenario) == at(605)
    scenario.after(69.9).tick()
    assert not scenario.execution.is_closed
    scenario.after(0.1).tick()
    assert scenario.execution.status is ExecutionStatus.TIMED_OUT


def test_the_time_until_it_is_paused_counts() -> None:
    scenario = running(timeout_seconds=100)
    scenario.after(20).pauses()
    assert deadline_of(scenario) == at(100)
    scenario.after(20).suspends()
    scenario.after(20).resumes()
    assert deadline_of(scenario) == at(120)


def test_it_can_run_out_of_time_while_it_pauses() -> None:
    scenario = running(timeout_seconds=100)
    scenario.pauses()
    scenario.after(100).tick()
    assert scenario.execution.status is ExecutionStatus.TIMED_OUT
    assert scenario.execution.ledger.pausing is None


@pytest.mark.parametrize("ends", [Scenario.suspends, Scenario.crashes])
def test_a_pause_that_comes_too_late_does_not_save_it(ends: Callable[[Scenario], object]) -> None:
    """The invocation ends after the deadline, and before the timer has fired."""
    scenario = running(timeout_seconds=100)
    scenario.pauses()
    ends(scenario.after(100))
    assert scenario.history[-2:] == ["InvocationCompleted", "ExecutionTimedOut"]


def test_it_can_run_out_of_time_while_it_is_paused_if_asked_so() -> None:
    scenario = waiting(timeout_seconds=100)
    scenario.after(20).pauses(execution_timeout_paused=False)
    assert deadline_of(scenario) == at(100)
    scenario.after(30).resumes()
    assert deadline_of(scenario) == at(100)
    scenario.pauses(execution_timeout_paused=False)
    scenario.after(50).tick()
    assert scenario.execution.status is ExecutionStatus.TIMED_OUT
    assert scenario.execution.error is not None
    assert scenario.execution.error.message == "Execution timed out after 100 seconds."
    with pytest.raises(ResourceConflict):
        scenario.resumes()


def test_no_pause_outlasts_366_days_from_the_start() -> None:
    scenario = waiting(timeout_seconds=YEAR - 10)
    scenario.after(20).pauses()
    scenario.after(100).resumes()
    assert deadline_of(scenario) == at(YEAR)
    scenario.pauses()
    scenario.after(YEAR).tick()
    assert scenario.execution.status is ExecutionStatus.TIMED_OUT
