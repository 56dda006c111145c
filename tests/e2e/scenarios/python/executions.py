"""Whole executions: how they end, and what is too large for one message."""

from __future__ import annotations

import time
from typing import Any

import boto3
from aws_durable_execution_sdk_python import DurableContext, StepContext
from aws_durable_execution_sdk_python.config import Duration

from common import INVOCATION, PAUSE, BrokenError, Event, die, gate, note, scenario


@scenario
def execution_without_operations(event: Event, context: DurableContext) -> Any:
    return {"got": event["value"]}


@scenario
def execution_failing(event: Event, context: DurableContext) -> None:
    raise BrokenError("no such order")


@scenario
def execution_crash(event: Event, context: DurableContext) -> str:
    """Before any operation, twice."""
    if note(event, "run") <= 2:
        die()
    return "run 3"


@scenario
def execution_with_a_large_result(event: Event, context: DurableContext) -> str:
    context.step(lambda _: "done", name="work")
    return _filling(event)


@scenario
def execution_with_a_large_error(event: Event, context: DurableContext) -> None:
    raise BrokenError(_filling(event))


@scenario
def execution_with_a_large_input(event: Event, context: DurableContext) -> int:
    """The replay after the wait has to have the whole of it, too."""
    context.wait(PAUSE, name="pause")
    return len(event["filling"])


@scenario
def execution_with_a_large_state(event: Event, context: DurableContext) -> int:
    """On replay the steps' results come in several pages."""
    made = [
        context.step(lambda _: _filling(event), name=f"step {number}")
        for number in range(event["steps"])
    ]
    context.wait(PAUSE, name="pause")
    return len("".join(made))


@scenario
def execution_of_many_steps(event: Event, context: DurableContext) -> Any:
    def work(_: StepContext) -> int:
        return note(event, "run")

    for number in range(event["steps"]):
        context.step(work, name=f"step {number}")
    context.wait(PAUSE, name="pause")
    return event["steps"]


@scenario
def execution_timed_out(event: Event, context: DurableContext) -> None:
    context.wait(Duration.from_minutes(1), name="pause")


@scenario
def execution_timed_out_while_running(event: Event, context: DurableContext) -> Any:
    """The last checkpoint comes after the end, and is refused."""
    context.step(lambda _: gate(event, "go"), name="work")
    note(event, "went on")


@scenario
def execution_stopped(event: Event, context: DurableContext) -> None:
    context.wait(Duration.from_minutes(1), name="pause")


@scenario
def execution_stopped_while_running(event: Event, context: DurableContext) -> Any:
    context.step(lambda _: note(event, "began"), name="first")
    context.step(lambda _: gate(event, "go"), name="work")
    note(event, "went on")


@scenario
def token_taken(event: Event, context: DurableContext) -> str:
    """Somebody else checkpoints with the first invocation's token, as after a fail-over that lost
    a commit: the SDK's own checkpoint is refused, and the invocation has to be made again."""
    if note(event, "run") == 1:
        boto3.client("lambda").checkpoint_durable_execution(
            DurableExecutionArn=INVOCATION["DurableExecutionArn"],
            CheckpointToken=INVOCATION["CheckpointToken"],
            Updates=[],
        )
    return context.step(lambda _: "done", name="work")


@scenario
def invocation_timed_out(event: Event, context: DurableContext) -> str:
    """The first one is killed; the step counts as interrupted, not as failed."""

    def work(_: StepContext) -> str:
        runs = note(event, "run")
        if runs == 1:
            time.sleep(60)
        return f"run {runs}"

    return context.step(work, name="work")


@scenario
def step_with_a_large_result(event: Event, context: DurableContext) -> None:
    """Its START goes out first: SDK 3.0 never sends a large update that has to wait for a batch."""

    def work(_: StepContext) -> str:
        gate(event, "started")
        return _filling(event)

    context.step(work, name="large")


def _filling(event: Event) -> str:
    return "x" * int(event["characters"])
