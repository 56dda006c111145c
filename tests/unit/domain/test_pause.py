"""Pause and resume: what is withheld, what is held, what goes on, and how the deadline moves."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.decide_checkpoint import Repeated
from perdure_service.domain.decide_invocation import decide_unclaim
from perdure_service.domain.errors import (
    InvalidCheckpointToken,
    InvalidParameterValue,
    ResourceConflict,
)
from perdure_service.domain.events import PauseAsked, ResumeAsked
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    FailureKind,
    Held,
    Queued,
    TimerKind,
)
from perdure_service.domain.folding import fold
from perdure_service.domain.operations import Action, Status
from tests.support.executions import at
from tests.support.scenario import (
    Scenario,
    callback,
    child_target,
    closing,
    invoke,
    retry,
    running,
    step,
    wait,
)

PAUSED, PAUSING, RUNNING = ExecutionStatus.PAUSED, ExecutionStatus.PAUSING, ExecutionStatus.RUNNING
DAY = 86_400
YEAR = 366 * DAY


def waiting(*more: object, **options: object) -> Scenario:
    """It waits for a callback and for a wait of ten seconds, and nothing runs."""
    scenario = running(**options)
    scenario.accepted(callback("cb"), wait("w", 10), *more)  # type: ignore[arg-type]
    scenario.suspends()
    return scenario


def invocation_of(scenario: Scenario) -> object:
    return scenario.execution.ledger.invocation


# Nothing in flight.


def test_it_is_paused_at_once_while_nothing_runs() -> None:
    scenario = waiting()
    scenario.after(3).pauses(reason="look first")
    assert scenario.execution.status is PAUSED
    event = scenario.log[-1]
    assert (event.type.value, event.at, event.payload) == ("ExecutionPaused", at(3), "look first")
    assert event.operation_id == scenario.execution.id
    assert event.detail == PauseAsked(at(3), execution_timeout_paused=True)


def test_an_invocation_that_is_queued_is_held_and_comes_with_the_resume() -> None:
    scenario = Scenario()
    scenario.after(1).pauses()
    assert invocation_of(scenario) == Held(at(0))
    scenario.after(1).resumes(reason="seen")
    assert invocation_of(scenario) == Queued(at(2))
    event = scenario.log[-1]
    assert (event.type.value, event.payload) == ("ExecutionResumed", "seen")
    assert event.detail == ResumeAsked(at(2))


def test_the_time_of_a_retry_is_kept_through_a_pause() -> None:
    scenario = running()
    scenario.crashes()
    scenario.pauses()
    scenario.resumes()
    assert invocation_of(scenario) == Queued(at(0.1))


def call_back(scenario: Scenario) -> None:
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", "1", moment))


def close_child(scenario: Scenario) -> None:
    outcome = ChildOutcome(ExecutionStatus.SUCCEEDED, 60, "1")
    scenario.decide(lambda e, moment: decide_child_closed(e, "i", outcome, moment, scenario.limits))


def let_time_pass(scenario: Scenario) -> None:
    scenario.after(10).tick()


@pytest.mark.parametrize(
    ("completes", "operation", "status"),
    [
        (call_back, "cb", Status.SUCCEEDED),
        (close_child, "i", Status.SUCCEEDED),
        (let_time_pass, "w", Status.SUCCEEDED),
        (let_time_pass, "s", Status.READY),
        (let_time_pass, "late", Status.TIMED_OUT),
    ],
)
def test_what_completes_meanwhile_is_recorded_and_held(
    completes: Callable[[Scenario], None], operation: str, status: Status
) -> None:
    scenario = running()
    scenario.accepted(
        callback("cb"),
        wait("w", 10),
        retry("s", 10),
        callback("late", timeout=10),
        invoke("i"),
        targets={"i": child_target()},
    )
    scenario.suspends()
    scenario.pauses()
    assert not scenario.is_held()
    completes(scenario)
    assert scenario.operation(operation).status_at(at(scenario.seconds)) is status
    assert scenario.execution.status is PAUSED
    assert scenario.is_held()
    scenario.after(1).resumes()
    assert scenario.is_queued()
    assert operation in scenario.claim().updated_operation_ids


def test_a_resume_without_news_goes_on_waiting() -> None:
    scenario = waiting()
    scenario.pauses()
    scenario.after(1).resumes()
    assert scenario.execution.status is RUNNING
    assert invocation_of(scenario) is None
    let_time_pass(scenario)
    assert scenario.is_queued()


def test_heartbeats_count_through_a_pause() -> None:
    scenario = running()
    scenario.accepted(callback("cb", heartbeat=5))
    scenario.suspends()
    scenario.pauses()
    scenario.after(4).decide(lambda e, moment: decide_callback_heartbeat(e, "cb", moment))
    scenario.after(4).tick()
    assert scenario.operation("cb").status is Status.STARTED
    scenario.after(1).tick()
    assert scenario.operation("cb").status is Status.TIMED_OUT


# An invocation in flight.


def test_the_next_checkpoint_is_accepted_and_gets_no_token() -> None:
    scenario = running()
    token = scenario.token
    scenario.pauses()
    assert scenario.execution.status is PAUSING
    assert scenario.history == ["ExecutionStarted"]
    answer = scenario.accepted(step("a"), step("a", Action.SUCCEED))
    assert answer.token is None
    assert set(answer.changed) == {"a"}
    assert scenario.execution.status is PAUSING, "the handler still runs"
    for stale in (token, scenario.token):
        with pytest.raises(InvalidCheckpointToken):
            scenario.checkpoint(step("b"), token=stale)


def test_pending_is_then_accepted_with_nothing_pending_and_it_is_paused() -> None:
    scenario = running()
    scenario.after(1).pauses(reason="why")
    scenario.after(1).accepted(step("a"), step("a", Action.SUCCEED))
    scenario.after(1).suspends()
    assert scenario.execution.status is PAUSED
    assert scenario.history[-2:] == ["InvocationCompleted", "ExecutionPaused"]
    paused = scenario.log[-1]
    assert (paused.at, paused.detail) == (at(3), PauseAsked(at(1), execution_timeout_paused=True))
    assert scenario.execution.ledger.failures is None
    scenario.after(1).resumes()
    assert scenario.is_queued(), "what the pause interrupted goes on"


def test_pending_without_a_checkpoint_is_accepted_too() -> None:
    scenario = running()
    scenario.pauses()
    scenario.suspends()
    assert (scenario.execution.status, scenario.is_held()) == (PAUSED, True)


def test_a_function_that_suspended_by_itself_is_not_invoked_by_the_resume() -> None:
    scenario = running()
    scenario.accepted(wait("w", DAY))
    scenario.pauses()
    scenario.suspends()
    assert scenario.execution.status is PAUSED
    scenario.resumes()
    assert invocation_of(scenario) is None


def test_what_completed_while_it_ran_is_owed_through_the_pause() -> None:
    scenario = running()
    scenario.accepted(callback("cb"), wait("w", DAY))
    scenario.pauses()
    call_back(scenario)
    scenario.suspends()
    assert scenario.is_held()


@pytest.mark.parametrize("status", ["SUCCEEDED", "FAILED"])
def test_a_function_that_comes_to_its_end_first_ends(status: str) -> None:
    scenario = running()
    scenario.pauses()
    scenario.returns(status)
    assert scenario.execution.status.value == status
    assert scenario.history[-2:] == ["InvocationCompleted", f"Execution{status.capitalize()}"]
    assert scenario.execution.ledger.pausing is None


def test_a_result_in_a_checkpoint_ends_it_as_well() -> None:
    scenario = running()
    scenario.pauses()
    assert scenario.accepted(closing(payload="1")).token is None
    assert scenario.execution.status is ExecutionStatus.SUCCEEDED
    scenario.suspends()
    assert scenario.history[-2:] == ["ExecutionSucceeded", "InvocationCompleted"]


def test_a_crash_pauses_it_and_its_retry_is_held() -> None:
    scenario = running()
    scenario.pauses()
    scenario.crashes(FailureKind.CRASH)
    assert scenario.execution.status is PAUSED
    assert scenario.history[-2:] == ["InvocationCompleted", "ExecutionPaused"]
    assert invocation_of(scenario) == Held(at(0.1))
    scenario.after(60).resumes()
    assert invocation_of(scenario) == Queued(at(60))


def test_an_invocation_that_never_arrived_pauses_it() -> None:
    scenario = running()
    scenario.pauses()
    target = scenario.running.id
    scenario.decide(lambda e, moment: decide_unclaim(e, target, moment))
    assert (scenario.execution.status, scenario.is_held()) == (PAUSED, True)
    assert scenario.history == ["ExecutionStarted", "ExecutionPaused"]


# Taken back.


def test_a_resume_takes_back_a_pause_that_does_not_hold_yet() -> None:
    scenario = running()
    scenario.pauses()
    scenario.resumes()
    assert scenario.execution.status is RUNNING
    assert scenario.history == ["ExecutionStarted"]
    assert scenario.accepted(step("a")).token == scenario.token


def test_a_resume_after_the_token_was_withheld_sets_a_debt_and_queues_nothing() -> None:
    scenario = running()
    scenario.pauses()
    scenario.accepted(step("a"))
    scenario.resumes()
    assert scenario.execution.status is RUNNING
    assert not scenario.is_queued(), "one invocation at a time"
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint(step("b"))
    scenario.suspends()
    assert scenario.execution.status is RUNNING
    assert scenario.is_queued()
    scenario.claim()
    assert scenario.accepted(step("b")).token == scenario.token


def test_it_can_be_paused_again_before_the_handler_ends() -> None:
    scenario = running()
    scenario.pauses()
    scenario.accepted(step("a"))
    scenario.resumes()
    scenario.pauses()
    assert scenario.execution.status is PAUSING
    scenario.suspends()
    assert (scenario.execution.status, scenario.is_held()) == (PAUSED, True)


# Repeats.


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
    assert scenario.execution.status is RUNNING, "a pause's token says nothing about a resume"


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
    assert scenario.execution.status is PAUSED


# The deadline.


def deadline_of(scenario: Scenario) -> int:
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
    assert scenario.execution.status is RUNNING
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


# The rest.


def test_stop_ends_a_pause_and_drops_what_it_held() -> None:
    scenario = Scenario()
    scenario.pauses()
    scenario.stops()
    assert scenario.execution.status is ExecutionStatus.STOPPED
    assert invocation_of(scenario) is None
    assert scenario.execution.pause is None


def test_the_log_and_the_row_tell_all_of_a_pause() -> None:
    scenario = running()
    scenario.pauses(reason="\0 \u00e9", client_token="p")
    scenario.accepted(step("a"))
    for happens in (lambda: None, scenario.suspends, scenario.resumes):
        happens()
        live = scenario.execution
        start = Execution(identity=live.identity)
        assert fold(start, scenario.log, live.ledger) == live


def test_the_reason_is_stored_and_counts() -> None:
    scenario = waiting()
    before = scenario.execution.stored_bytes
    scenario.pauses(reason="12345")
    scenario.resumes(reason="\u00e9")
    assert scenario.execution.stored_bytes == before + 7
