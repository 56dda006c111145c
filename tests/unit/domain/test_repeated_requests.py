"""A pause or a resume whose answer was lost is asked for again."""

from __future__ import annotations

import pytest

from perdure_service.domain.decide_checkpoint import Repeated
from perdure_service.domain.errors import InvalidParameterValue, ResourceConflict
from perdure_service.domain.execution import ExecutionStatus
from tests.support.scenario import running, step, waiting


def test_a_withheld_token_is_withheld_from_the_repeat_even_once_resumed() -> None:
    scenario = running()
    token = scenario.token
    scenario.pauses()
    first = scenario.accepted(step("a"), token=token, client_token="c-1")
    for happens in (lambda: None, scenario.resumes, scenario.suspends, scenario.stops):
        happens()
        again = scenario.checkpoint(step("a"), token=token, client_token="c-1")
        assert isinstance(again, Repeated)
        assert (again.token, again.since, again.upto) == (None, first.since, first.upto)


def test_a_repeated_request_succeeds_and_has_no_second_effect() -> None:
    scenario = waiting()
    scenario.pauses(client_token="p")
    scenario.pauses(client_token="p")
    scenario.resumes(client_token="r")
    scenario.resumes(client_token="r")
    before = scenario.execution
    scenario.pauses(client_token="p")
    assert scenario.execution is before
    scenario.stops()
    scenario.resumes(client_token="r")
    assert scenario.history[-3:] == ["ExecutionPaused", "ExecutionResumed", "ExecutionStopped"]


def test_without_a_token_or_with_another_a_request_is_a_new_one() -> None:
    scenario = waiting()
    scenario.pauses(client_token="p")
    for token in (None, "q"):
        with pytest.raises(ResourceConflict):
            scenario.pauses(client_token=token)
    scenario.resumes(client_token="p")
    assert scenario.execution.status is ExecutionStatus.RUNNING, (
        "a pause's token says nothing about a resume"
    )


def test_the_window_of_a_request_is_fifteen_minutes() -> None:
    scenario = waiting()
    scenario.pauses(client_token="p")
    scenario.after(900).pauses(client_token="p")
    with pytest.raises(ResourceConflict):
        scenario.after(0.001).pauses(client_token="p")


@pytest.mark.parametrize("other", [{"reason": "b"}, {"execution_timeout_paused": False}])
def test_a_token_that_asks_for_something_else_is_refused(other: dict[str, object]) -> None:
    scenario = waiting()
    scenario.pauses(client_token="p", reason="a")
    with pytest.raises(InvalidParameterValue, match="other parameters"):
        scenario.pauses(**{"client_token": "p", "reason": "a", **other})


def test_the_newest_sixteen_requests_are_remembered() -> None:
    scenario = waiting()
    for number in range(9):
        scenario.pauses(client_token=f"p{number}")
        scenario.resumes(client_token=f"r{number}")
    assert len(scenario.execution.ledger.requests) == 16
    before = scenario.execution
    scenario.pauses(client_token="p1")
    assert scenario.execution is before
    scenario.pauses(client_token="p0")
    assert scenario.execution.status is ExecutionStatus.PAUSED
