"""Pauses, of which a handler knows nothing."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import DurableContext, ParallelBranch, StepContext
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryDecision

from common import BrokenError, Event, die, gate, note, scenario


def _one_callback(event: Event, context: DurableContext) -> str:
    return str(context.create_callback(name="approval").result())


def _two_steps(event: Event, context: DurableContext) -> list[str]:
    """The first waits for the test."""

    def wait(_: object) -> str:
        gate(event, "go")
        return "done"

    return [
        context.step(wait, name="first"),
        context.step(lambda _: "done", name="second"),
    ]


for name in ("pause-while-it-runs", "pause-taken-back"):
    scenario(_two_steps, name)

for name in ("pause-while-it-waits", "stop-while-it-is-paused"):
    scenario(_one_callback, name)


@scenario
def pause_while_a_wait_ends(event: Event, context: DurableContext) -> str:
    note(event, "run")
    context.wait(Duration.from_seconds(event["seconds"]), name="rest")
    return "rested"


@scenario
def pause_before_a_retry(event: Event, context: DurableContext) -> str:
    def flaky(_: StepContext) -> str:
        if note(event, "attempt") == 1:
            raise BrokenError("not yet")
        return "done"

    def again(_: Exception, attempts: int) -> RetryDecision:
        return RetryDecision.retry(Duration.from_seconds(4))

    return context.step(flaky, name="flaky", config=StepConfig(retry_strategy=again))


@scenario
def pause_in_branches(event: Event, context: DurableContext) -> Any:
    def work(_: StepContext) -> str:
        gate(event, "go")
        return "worked"

    def left(branch: DurableContext) -> str:
        return branch.step(work, name="work")

    def right(branch: DurableContext) -> Any:
        return branch.create_callback(name="approval").result()

    branches: list[ParallelBranch[Any]] = [
        ParallelBranch(func=left, name="left"),
        ParallelBranch(func=right, name="right"),
    ]
    return context.parallel(branches, name="both").get_results()


@scenario
def pause_of_a_child(event: Event, context: DurableContext) -> Any:
    if event.get("child"):
        context.wait(Duration.from_seconds(event["seconds"]), name="rest")
        return "child"
    payload = {**event, "child": True}
    return context.invoke(f"{event['self']}:$LATEST", payload, name="other")


@scenario
def pause_of_a_crash(event: Event, context: DurableContext) -> str:
    def work(_: StepContext) -> str:
        runs = note(event, "run")
        if runs == 1:
            gate(event, "go")
            die()
        return f"run {runs}"

    return context.step(work, name="work")
