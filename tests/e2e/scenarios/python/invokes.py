"""Chained invokes of durable and of plain functions."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import DurableContext, ParallelBranch
from aws_durable_execution_sdk_python.config import Duration, InvokeConfig

from common import BrokenError, Event, die, note, scenario
from versions import InvokeError

MEBIBYTE = 1_048_576


def _invoke(event: Event, context: DurableContext) -> Any:
    """The event's target with the event's payload; what came, or the error's type and text."""
    config: InvokeConfig[Any, Any] = InvokeConfig(tenant_id=event.get("tenant"))
    try:
        return context.invoke(event["target"], event.get("payload"), name="other", config=config)
    except InvokeError as error:
        return f"failed: {error}"


for name in (
    "invoke",
    "invoke-plain",
    "invoke-plain-failing",
    "invoke-failing",
    "invoke-unknown",
    "invoke-unqualified",
    "invoke-with-tenant",
    "invoke-timed-out",
    "invoke-stopped",
    "invoke-with-a-large-result",
    "invoke-plain-with-a-large-result",
    "invoke-plain-timed-out",
    "invoke-plain-crash",
    "invoke-of-one-that-dies",
    "invoke-by-a-stopped-parent",
):
    scenario(_invoke, name)


@scenario
def invoke_with_a_large_input(event: Event, context: DurableContext) -> Any:
    """The service refuses the checkpoint, and the SDK ends the execution."""
    return context.invoke(event["target"], "x" * MEBIBYTE, name="other")


@scenario
def invoke_in_a_context(event: Event, context: DurableContext) -> Any:
    return context.run_in_child_context(lambda child: _invoke(event, child), name="group")


@scenario
def invokes_by_the_dozen(event: Event, context: DurableContext) -> list[Any]:
    def invoking(number: int) -> ParallelBranch[Any]:
        payload = {"scenario": "child-that-returns", "value": number}

        def branch(inner: DurableContext) -> Any:
            return inner.invoke(event["target"], payload, name=f"other {number}")

        return ParallelBranch(func=branch, name=str(number))

    branches = [invoking(number) for number in range(event["branches"])]
    return context.parallel(branches, name="all").get_results()


@scenario
def child_that_returns(event: Event, context: DurableContext) -> Any:
    return context.step(lambda _: {"got": event["value"]}, name="child step")


@scenario
def child_that_waits(event: Event, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(event["seconds"]), name="child wait")
    return "rested"


@scenario
def child_that_fails(event: Event, context: DurableContext) -> None:
    raise BrokenError("in the child")


@scenario
def child_with_a_large_result(event: Event, context: DurableContext) -> str:
    return "x" * MEBIBYTE


@scenario
def child_that_dies(event: Event, context: DurableContext) -> str:
    """Once; the second invocation returns."""
    if note(event, "run") == 1:
        die()
    return "alive"
