"""The sequences of events that clients of Lambda have come to rely on."""

from __future__ import annotations

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_success,
)
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.errors import InvalidCheckpoint
from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    Event,
    EventType,
    InvocationSpan,
    WaitTimes,
)
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.operations import Action, ErrorObject, Status
from tests.support.executions import at
from tests.support.scenario import (
    BROKEN,
    Scenario,
    callback,
    cancel,
    child_target,
    closing,
    context,
    invoke,
    refused_target,
    retry,
    running,
    step,
    wait,
)

SUCCEED, FAIL = Action.SUCCEED, Action.FAIL


def calls_back(scenario: Scenario, id_: str, result: str = '"value"') -> None:
    scenario.decide(lambda e, moment: decide_callback_success(e, id_, result, moment))


def attempts(log: list[Event]) -> list[tuple[int, int | None]]:
    details = [event.detail for event in log]
    return [(d.number, d.next_delay_seconds) for d in details if isinstance(d, Attempt)]


def test_ids_are_gapless_from_one_and_the_first_and_last_carry_the_executions_identity() -> None:
    scenario = running()
    scenario.accepted(step("a"), step("a", SUCCEED))
    scenario.returns("SUCCEEDED", Result="1")
    assert [event.id for event in scenario.log] == [1, 2, 3, 4, 5]
    for event in (scenario.log[0], scenario.log[-1]):
        assert event.operation_id == scenario.execution.id
        assert event.name == scenario.execution.identity.name


def test_a_handler_that_does_nothing_durable() -> None:
    scenario = running()
    scenario.returns("FAILED", Error={"ErrorMessage": "no"})
    assert scenario.history == ["ExecutionStarted", "InvocationCompleted", "ExecutionFailed"]
    assert scenario.execution.error == ErrorObject(message="no")


def test_a_step() -> None:
    scenario = running()
    scenario.accepted(
        step("a", name="pay", sub_type="Step"), step("a", SUCCEED, payload=' {"a":1}')
    )
    scenario.after(0.5).returns("SUCCEEDED", Result='"done"')
    assert scenario.history == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert scenario.log[2].payload == ' {"a":1}'
    assert attempts(scenario.log) == [(1, None)]
    completed = scenario.log[3]
    assert isinstance(completed.detail, InvocationSpan)
    assert (completed.detail.started_at, completed.detail.ended_at) == (at(0), at(0.5))
    assert (completed.operation_id, completed.name, completed.sub_type) == (None, None, None)


def test_a_wait() -> None:
    scenario = running()
    scenario.accepted(wait("w", 2, name="cool-off", sub_type="Wait"))
    scenario.suspends()
    scenario.after(2).tick()
    scenario.claim()
    scenario.returns("SUCCEEDED")
    assert scenario.history == [
        "ExecutionStarted",
        "WaitStarted",
        "InvocationCompleted",
        "WaitSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    started, succeeded = scenario.log[1], scenario.log[3]
    assert started.detail == succeeded.detail == WaitTimes(2, at(2))
    assert (succeeded.name, succeeded.sub_type) == ("cool-off", "Wait")


def test_a_wait_does_not_end_early() -> None:
    scenario = running()
    scenario.accepted(wait("w", 60))
    scenario.suspends()
    scenario.after(59.999).tick()
    assert scenario.history == ["ExecutionStarted", "WaitStarted", "InvocationCompleted"]
    assert not scenario.is_queued()
    assert scenario.execution.status is ExecutionStatus.RUNNING


def test_a_wait_is_cancelled() -> None:
    scenario = running()
    scenario.accepted(wait("w", 60, name="pause", sub_type="Wait"), callback("cb"))
    scenario.after(1).accepted(cancel("w"))
    assert scenario.operation("w").status is Status.CANCELLED
    assert scenario.operation("w").ended_at == at(1)
    cancelled = scenario.log[-1]
    assert (cancelled.type, cancelled.name, cancelled.sub_type) == (
        EventType.WAIT_CANCELLED,
        "pause",
        "Wait",
    )
    scenario.suspends()
    scenario.after(60).tick()
    assert not scenario.is_queued(), "its end wakes nobody"
    assert scenario.history[1:] == [
        "WaitStarted",
        "CallbackStarted",
        "WaitCancelled",
        "InvocationCompleted",
    ]


def test_a_wait_that_is_due_can_no_longer_be_cancelled() -> None:
    scenario = running()
    scenario.accepted(wait("w", 5))
    with pytest.raises(InvalidCheckpoint, match="has already completed"):
        scenario.after(5).checkpoint(cancel("w"))
    assert scenario.accepted().changed == ("w",)


def test_a_retry() -> None:
    scenario = running()
    scenario.accepted(step("a"), retry("a", 5, error=BROKEN))
    scenario.suspends()
    scenario.after(5).tick()
    assert len(scenario.log) == 4, "to be READY is no event"
    scenario.claim()
    scenario.accepted(step("a"), step("a", SUCCEED))
    scenario.returns("SUCCEEDED")
    assert scenario.history == [
        "ExecutionStarted",
        "StepStarted",
        "StepFailed",
        "InvocationCompleted",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert attempts(scenario.log) == [(1, 5), (2, None)]


def test_an_exhausted_retry_has_no_next_delay() -> None:
    scenario = running()
    scenario.accepted(step("a"), retry("a", 1, error=BROKEN))
    scenario.suspends()
    scenario.after(1).tick()
    scenario.claim()
    scenario.accepted(step("a"), step("a", FAIL, error=BROKEN))
    assert attempts(scenario.log) == [(1, 1), (2, None)]
    assert scenario.operation("a").attempt == 2


def test_a_crash_in_an_at_most_once_step() -> None:
    scenario = running()
    scenario.accepted(step("a"))
    scenario.crashes()
    assert scenario.operation("a").status is Status.STARTED
    scenario.after(1).claim()
    scenario.accepted(retry("a", 3, error=BROKEN))
    scenario.suspends()
    scenario.after(3).tick()
    scenario.claim()
    scenario.accepted(step("a"), step("a", SUCCEED))
    assert scenario.history == [
        "ExecutionStarted",
        "StepStarted",
        "InvocationCompleted",
        "StepFailed",
        "InvocationCompleted",
        "StepStarted",
        "StepSucceeded",
    ]
    assert attempts(scenario.log) == [(1, 3), (2, None)]
    crashed, suspended = scenario.log[2], scenario.log[4]
    assert crashed.error is not None
    assert crashed.error.type == "Runtime.ExitError"
    assert suspended.error is None


def test_a_crash_in_an_at_least_once_step_needs_no_second_start() -> None:
    scenario = running()
    scenario.accepted(context("c"), step("a", parent_id="c"))
    scenario.crashes()
    scenario.after(1).claim()
    scenario.accepted(step("a", SUCCEED), context("c", SUCCEED))
    assert scenario.history[1:] == [
        "ContextStarted",
        "StepStarted",
        "InvocationCompleted",
        "StepSucceeded",
        "ContextSucceeded",
    ]


def test_a_callback() -> None:
    scenario = running()
    scenario.accepted(callback("cb", timeout=60, heartbeat=10, name="approval"))
    scenario.suspends()
    calls_back(scenario, "cb", '"value"')
    scenario.claim()
    scenario.returns("SUCCEEDED")
    assert scenario.history == [
        "ExecutionStarted",
        "CallbackStarted",
        "InvocationCompleted",
        "CallbackSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    opened = scenario.log[1].detail
    assert opened == CallbackOpened(f"{scenario.execution.id}/cb", 60, 10)
    assert (scenario.log[3].payload, scenario.log[3].name) == ('"value"', "approval")


def test_two_callbacks_give_one_invocation_each() -> None:
    scenario = running()
    scenario.accepted(callback("one"), callback("two"))
    scenario.suspends()
    calls_back(scenario, "one")
    scenario.claim()
    scenario.suspends()
    scenario.decide(lambda e, moment: decide_callback_failure(e, "two", BROKEN, moment))
    scenario.claim()
    scenario.returns("SUCCEEDED")
    assert scenario.history[1:] == [
        "CallbackStarted",
        "CallbackStarted",
        "InvocationCompleted",
        "CallbackSucceeded",
        "InvocationCompleted",
        "CallbackFailed",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_callback_and_a_wait_wake_one_after_the_other() -> None:
    scenario = running()
    scenario.accepted(callback("cb"), wait("w", 5))
    scenario.suspends()
    scenario.after(1)
    calls_back(scenario, "cb")
    scenario.claim()
    scenario.suspends()
    scenario.after(4).tick()
    scenario.claim()
    scenario.returns("SUCCEEDED")
    assert scenario.history[1:] == [
        "CallbackStarted",
        "WaitStarted",
        "InvocationCompleted",
        "CallbackSucceeded",
        "InvocationCompleted",
        "WaitSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_wait_for_a_callback() -> None:
    scenario = running()
    scenario.accepted(
        context("ctx", sub_type="WaitForCallback"),
        callback("cb", parent_id="ctx"),
        step("submit", parent_id="ctx"),
        step("submit", SUCCEED),
    )
    scenario.suspends()
    calls_back(scenario, "cb")
    assert scenario.log[-1].parent_id == "ctx"
    scenario.claim()
    scenario.accepted(context("ctx", SUCCEED))
    scenario.returns("SUCCEEDED")
    assert scenario.history[1:] == [
        "ContextStarted",
        "CallbackStarted",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "CallbackSucceeded",
        "ContextSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_wait_for_a_condition_keeps_what_it_polled() -> None:
    """RETRY without an Error says "not yet": it succeeds in history, and its payload is the state
    that the next poll is given, also after that poll has started."""
    scenario = running()
    scenario.accepted(
        step("poll", sub_type="WaitForCondition"), retry("poll", 4, payload='{"n":1}')
    )
    scenario.suspends()
    scenario.after(4).tick()
    scenario.claim()
    assert scenario.operation("poll").result == '{"n":1}'
    scenario.accepted(step("poll"))
    assert scenario.operation("poll").result == '{"n":1}'
    scenario.accepted(step("poll", SUCCEED, payload='{"n":2}'))
    assert scenario.history[1:] == [
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "StepStarted",
        "StepSucceeded",
    ]
    assert attempts(scenario.log) == [(1, 4), (2, None)]
    assert [scenario.log[n].payload for n in (2, 5)] == ['{"n":1}', '{"n":2}']
    assert {event.sub_type for event in scenario.log if event.operation_id == "poll"} == {
        "WaitForCondition"
    }


@pytest.mark.parametrize(
    ("status", "event", "error"),
    [
        (ExecutionStatus.SUCCEEDED, "ChainedInvokeSucceeded", None),
        (ExecutionStatus.FAILED, "ChainedInvokeFailed", BROKEN),
        (
            ExecutionStatus.TIMED_OUT,
            "ChainedInvokeTimedOut",
            ErrorObject("CHAINED_INVOKE timed out after 60 seconds.", "ChainedInvoke.Timeout"),
        ),
        (ExecutionStatus.STOPPED, "ChainedInvokeStopped", BROKEN),
    ],
)
def test_a_chained_invoke(status: ExecutionStatus, event: str, error: ErrorObject | None) -> None:
    scenario = running()
    target = child_target()
    scenario.accepted(invoke("i", payload="{}", tenant_id="acme"), targets={"i": target})
    child = target.child.identity
    scenario.suspends()
    result = "1" if status is ExecutionStatus.SUCCEEDED else None
    outcome = ChildOutcome(status, 60, result, BROKEN if result is None else None)
    scenario.decide(lambda e, moment: decide_child_closed(e, "i", outcome, moment, scenario.limits))
    scenario.claim()
    scenario.returns("SUCCEEDED")
    assert scenario.history[1:] == [
        "ChainedInvokeStarted",
        "InvocationCompleted",
        event,
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    started, ended = scenario.log[1], scenario.log[3]
    assert started.detail == ChainedTarget("ship", "acme", child.version, child.arn)
    assert started.payload == "{}"
    assert (ended.payload, ended.error) == (result, error)


def test_a_plain_target_has_a_version_and_no_execution_arn() -> None:
    scenario = running()
    scenario.accepted(invoke("i"), targets={"i": child_target(durable=False)})
    assert scenario.log[1].detail == ChainedTarget("ship", None, "1", None)


def test_a_target_that_cannot_be_invoked_fails_in_the_same_answer() -> None:
    scenario = running()
    target = refused_target()
    answer = scenario.accepted(invoke("i", payload="{}", tenant_id="acme"), targets={"i": target})
    assert answer.changed == ("i",)
    assert scenario.operation("i").status is Status.FAILED
    assert scenario.operation("i").error == target.error
    assert scenario.last.children == ()
    scenario.returns("SUCCEEDED")
    assert scenario.history[1:] == [
        "ChainedInvokeStarted",
        "ChainedInvokeFailed",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert scenario.log[1].detail == ChainedTarget("ship")
    assert scenario.log[1].payload is None


def test_a_large_result_comes_by_checkpoint_and_wins_over_what_is_returned() -> None:
    scenario = running()
    scenario.accepted(closing(payload="large"))
    scenario.returns("SUCCEEDED", Result="")
    assert scenario.history == ["ExecutionStarted", "ExecutionSucceeded", "InvocationCompleted"]
    assert scenario.execution.result == "large"
    assert scenario.execution.ledger.invocation is None


def test_a_large_error_comes_by_checkpoint() -> None:
    scenario = running()
    scenario.accepted(closing(FAIL, error=BROKEN))
    scenario.returns("FAILED")
    assert scenario.history[1:] == ["ExecutionFailed", "InvocationCompleted"]
    assert scenario.execution.error == BROKEN


def test_a_stop_closes_at_once_and_the_running_invocation_may_end_after() -> None:
    scenario = running()
    scenario.accepted(wait("w"))
    stopped_at = scenario.after(1).decide(lambda e, moment: decide_stop(e, BROKEN, moment))
    again = scenario.after(1).decide(lambda e, moment: decide_stop(e, ErrorObject(), moment))
    scenario.suspends()
    assert stopped_at == again == at(1)
    assert scenario.history[1:] == ["WaitStarted", "ExecutionStopped", "InvocationCompleted"]
    assert scenario.execution.error == BROKEN
    assert scenario.operation("w").status is Status.STARTED
    assert dict(scenario.execution.armed.items()) == {}


def test_an_execution_times_out() -> None:
    scenario = running(timeout_seconds=30)
    scenario.accepted(callback("cb"))
    scenario.suspends()
    scenario.after(30).tick()
    assert scenario.history[-2:] == ["InvocationCompleted", "ExecutionTimedOut"]
    assert scenario.execution.status is ExecutionStatus.TIMED_OUT
    assert scenario.execution.error == ErrorObject("Execution timed out after 30 seconds.")
