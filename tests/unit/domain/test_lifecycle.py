"""Every state of an execution against all that can befall it: the table, and nothing else."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest

from perdure_service.domain.decide_deleted import decide_version_deleted
from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.execution import OUTCOMES, ExecutionStatus, Running
from perdure_service.domain.lifecycle import LIFECYCLE, Cause
from tests.support.scenario import Scenario, running, wait

S, C = ExecutionStatus, Cause
Deed = Callable[[Scenario], object]
TIMEOUT_SECONDS = 60


def succeed(scenario: Scenario) -> None:
    scenario.returns("SUCCEEDED", Result="1")


def fail(scenario: Scenario) -> None:
    scenario.returns("FAILED", Error={"ErrorMessage": "no"})


def run_out_of_time(scenario: Scenario) -> None:
    scenario.after(TIMEOUT_SECONDS).tick()


def pause(scenario: Scenario) -> None:
    scenario.pauses(execution_timeout_paused=False)


def suspend(scenario: Scenario) -> None:
    """Of an invocation in flight; there is none when it is PAUSED."""
    if isinstance(scenario.execution.ledger.invocation, Running):
        scenario.suspends()


def delete_function(scenario: Scenario) -> None:
    scenario.decide(decide_version_deleted)


WAYS: dict[ExecutionStatus, Sequence[Deed]] = {
    S.RUNNING: [],
    S.PAUSING: [pause],
    S.PAUSED: [pause, suspend],
    S.SUCCEEDED: [succeed],
    S.FAILED: [fail],
    S.TIMED_OUT: [run_out_of_time],
    S.STOPPED: [Scenario.stops],
    S.DELETING: [succeed, Scenario.deletes],
}
"""How an execution whose invocation is in flight comes to each state."""

DEEDS: dict[Cause, Deed] = {
    C.PAUSE: pause,
    C.RESUME: Scenario.resumes,
    C.STOP: Scenario.stops,
    C.DELETE: Scenario.deletes,
    C.NOTHING_IN_FLIGHT: suspend,
    C.SUCCEEDED: succeed,
    C.FAILED: fail,
    C.OUT_OF_TIME: run_out_of_time,
    C.FUNCTION_DELETED: delete_function,
}

ASKED = (C.PAUSE, C.RESUME, C.DELETE)
WITHOUT_EFFECT = [
    *itertools.product([*OUTCOMES, S.DELETING], [C.STOP, C.OUT_OF_TIME, C.FUNCTION_DELETED]),
    *itertools.product([status for status in S if status is not S.PAUSING], [C.NOTHING_IN_FLIGHT]),
    (S.DELETING, C.DELETE),
]
"""Not refused, and nothing comes of it: what has ended is answered with its end."""


def in_state(status: ExecutionStatus) -> Scenario:
    scenario = running(timeout_seconds=TIMEOUT_SECONDS)
    scenario.accepted(wait("w", 3_600))
    for deed in WAYS[status]:
        deed(scenario)
    assert scenario.execution.status is status
    return scenario


@pytest.mark.parametrize(("status", "cause"), LIFECYCLE)
def test_every_way_of_the_table_is_gone(status: ExecutionStatus, cause: Cause) -> None:
    scenario = in_state(status)
    DEEDS[cause](scenario)
    assert scenario.execution.status is LIFECYCLE[status, cause]


@pytest.mark.parametrize(
    ("status", "cause"),
    [way for way in itertools.product(S, ASKED) if way not in {*LIFECYCLE, *WITHOUT_EFFECT}],
)
def test_what_is_not_in_the_table_cannot_be_asked_for(
    status: ExecutionStatus, cause: Cause
) -> None:
    scenario = in_state(status)
    before = scenario.execution
    with pytest.raises(ResourceConflict, match=status.value):
        DEEDS[cause](scenario)
    assert scenario.execution is before


@pytest.mark.parametrize(("status", "cause"), WITHOUT_EFFECT)
def test_the_rest_has_no_effect(status: ExecutionStatus, cause: Cause) -> None:
    scenario = in_state(status)
    DEEDS[cause](scenario)
    assert scenario.execution.status is status


def test_all_states_and_causes_are_in_the_table() -> None:
    assert {status for status, _ in LIFECYCLE} | set(LIFECYCLE.values()) == set(S)
    assert {cause for _, cause in LIFECYCLE} == set(C)
    ends = {to for (_, cause), to in LIFECYCLE.items() if to in OUTCOMES}
    assert ends == set(OUTCOMES)
