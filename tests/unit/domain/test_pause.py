"""Pause and resume: what is withheld, what is held, and what goes on."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.decide_invocation import decide_unclaim
from perdure_service.domain.errors import (
    InvalidCheckpointToken,
)
from perdure_service.domain.events import PauseAsked, ResumeAsked
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    FailureKind,
    Held,
    Queued,
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
    waiting,
)

PAUSED, PAUSING, RUNNING = ExecutionStatus.PAUSED, ExecutionStatus.PAUSING, ExecutionStatus.RUNNING
DAY = 86_400
YEAR = 366 * DAY


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
