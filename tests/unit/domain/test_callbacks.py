"""Callbacks: opened by a checkpoint, closed from outside or by time, kept open by heartbeats."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.errors import CallbackTimeout, ResourceNotFound
from perdure_service.domain.execution import TimerKind
from perdure_service.domain.operations import ErrorObject, Status
from tests.support.executions import at
from tests.support.scenario import BROKEN, Scenario, callback, context, running, step

Send = Callable[[Scenario, str], None]


def succeeds(scenario: Scenario, id_: str = "cb") -> None:
    scenario.decide(lambda e, moment: decide_callback_success(e, id_, "1", moment))


def fails(scenario: Scenario, id_: str = "cb") -> None:
    scenario.decide(lambda e, moment: decide_callback_failure(e, id_, ErrorObject(), moment))


def lives(scenario: Scenario, id_: str = "cb") -> None:
    scenario.decide(lambda e, moment: decide_callback_heartbeat(e, id_, moment))


SENDS: list[Send] = [succeeds, fails, lives]


def suspended(timeout: int | None = None, heartbeat: int | None = None) -> Scenario:
    scenario = running()
    scenario.accepted(callback("cb", timeout, heartbeat))
    scenario.suspends()
    return scenario


@pytest.mark.parametrize("result", ["", None])
def test_a_result_may_be_empty_or_absent(result: str | None) -> None:
    scenario = suspended()
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", result, moment))
    assert scenario.operation("cb").result == result
    assert scenario.operation("cb").status is Status.SUCCEEDED


def test_a_failure_without_an_error_wakes_the_function_too() -> None:
    scenario = suspended()
    fails(scenario)
    assert scenario.is_queued()
    assert scenario.operation("cb").error == ErrorObject()


@pytest.mark.parametrize(
    ("timeout", "heartbeat", "error"),
    [
        (5, None, ErrorObject("Callback timed out", "Callback.Timeout")),
        (None, 5, ErrorObject("Callback timed out on heartbeat", "Callback.Heartbeat")),
        (9, 5, ErrorObject("Callback timed out on heartbeat", "Callback.Heartbeat")),
        (5, 9, ErrorObject("Callback timed out", "Callback.Timeout")),
    ],
)
def test_a_callback_times_out_once_and_wakes_the_function(
    timeout: int | None, heartbeat: int | None, error: ErrorObject
) -> None:
    scenario = suspended(timeout, heartbeat)
    scenario.after(5).tick()
    scenario.after(5).tick()
    assert scenario.history[-1] == "CallbackTimedOut"
    assert scenario.history.count("CallbackTimedOut") == 1
    assert scenario.operation("cb").error == error
    assert scenario.operation("cb").status is Status.TIMED_OUT
    assert scenario.is_queued()


def test_no_timeout_and_a_timeout_of_zero_wait_for_ever() -> None:
    for timeout in (None, 0):
        scenario = suspended(timeout, timeout)
        assert {kind for kind, _ in scenario.execution.armed} == {TimerKind.EXECUTION}


def test_a_heartbeat_restarts_its_timer_only_and_leaves_no_event() -> None:
    scenario = suspended(timeout=12, heartbeat=5)
    for _ in range(2):
        lives(scenario.after(4))
    assert scenario.execution.armed.get((TimerKind.HEARTBEAT, "cb")) == at(13)
    assert scenario.execution.armed.get((TimerKind.CALLBACK, "cb")) == at(12)
    assert scenario.history[-1] == "InvocationCompleted"
    assert not scenario.is_queued()
    scenario.after(4).tick()
    assert scenario.operation("cb").error == ErrorObject("Callback timed out", "Callback.Timeout")


@pytest.mark.parametrize("send", SENDS)
def test_a_callback_is_completed_once(send: Send) -> None:
    scenario = suspended()
    succeeds(scenario)
    before = scenario.execution
    with pytest.raises(CallbackTimeout, match="either timed out or already completed"):
        send(scenario, "cb")
    assert scenario.execution is before


@pytest.mark.parametrize("send", SENDS)
def test_whoever_comes_after_the_time_loses_even_if_no_timer_fired(send: Send) -> None:
    scenario = suspended(timeout=5)
    with pytest.raises(CallbackTimeout):
        send(scenario.after(5), "cb")


@pytest.mark.parametrize("send", SENDS)
def test_the_callbacks_of_a_closed_execution_are_closed(send: Send) -> None:
    scenario = suspended()
    scenario.decide(lambda e, moment: decide_stop(e, BROKEN, moment))
    with pytest.raises(CallbackTimeout):
        send(scenario, "cb")


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("id_", ["unheard-of", "step", "ctx"])
def test_what_is_no_callback_does_not_exist(send: Send, id_: str) -> None:
    scenario = running()
    scenario.accepted(step("step"), context("ctx"))
    with pytest.raises(ResourceNotFound):
        send(scenario, id_)
