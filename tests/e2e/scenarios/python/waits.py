"""Waits, and conditions that are polled."""

from __future__ import annotations

from collections.abc import Callable

from aws_durable_execution_sdk_python import DurableContext
from aws_durable_execution_sdk_python.config import Duration
from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
)

from common import PAUSE, BrokenError, Event, die, gate, note, scenario

SECOND = Duration.from_seconds(1)
State = dict[str, int]


@scenario
def wait(event: Event, context: DurableContext) -> str:
    context.wait(PAUSE, name="pause")
    return "rested"


@scenario
def wait_without_name(event: Event, context: DurableContext) -> str:
    context.wait(PAUSE)
    return "rested"


@scenario
def waits_in_a_row(event: Event, context: DurableContext) -> str:
    context.wait(PAUSE, name="first")
    context.step(lambda _: note(event, "between"), name="between")
    context.wait(PAUSE, name="second")
    return "rested"


@scenario
def wait_of_a_year(event: Event, context: DurableContext) -> str:
    context.wait(Duration.from_days(366), name="year")
    return "not reached"


@scenario
def condition(event: Event, context: DurableContext) -> State:
    """The state that a check returned is what the next one gets."""
    return context.wait_for_condition(_grow, _until(2), name="grown")


@scenario
def condition_met_at_once(event: Event, context: DurableContext) -> State:
    return context.wait_for_condition(_grow, _until(1), name="grown")


@scenario
def condition_failing(event: Event, context: DurableContext) -> None:
    def check(state: State, _: WaitForConditionCheckContext) -> State:
        if state["grown"] == 1:
            raise BrokenError("no more")
        return _grow(state, _)

    context.wait_for_condition(check, _until(3), name="grown")


@scenario
def condition_crash(event: Event, context: DurableContext) -> State:
    """The process dies in the second check, whose state was kept through READY and START."""

    def check(state: State, _: WaitForConditionCheckContext) -> State:
        if note(event, f"had {state['grown']}") == 2:
            gate(event, "die")
            die()
        return _grow(state, _)

    return context.wait_for_condition(check, _until(2), name="grown")


def _grow(state: State, _: WaitForConditionCheckContext) -> State:
    return {"grown": state["grown"] + 1}


def _until(goal: int) -> WaitForConditionConfig[State]:
    strategy: Callable[[State, int], WaitForConditionDecision] = lambda state, _: (  # noqa: E731
        WaitForConditionDecision.stop_polling()
        if state["grown"] >= goal
        else WaitForConditionDecision.continue_waiting(SECOND)
    )
    return WaitForConditionConfig(strategy, initial_state={"grown": 0})
