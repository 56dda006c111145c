"""Five small workflows in one function: the event says which one runs.

What operations do is told by the scenarios; here it matters who calls and how it ends.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration

Event = dict[str, Any]


def step(event: Event, context: DurableContext) -> Any:
    return context.step(lambda _: event["value"], name="only")


def wait(event: Event, context: DurableContext) -> str:
    context.wait(Duration.from_seconds(event["seconds"]), name="pause")
    return "rested"


def approval(event: Event, context: DurableContext) -> Any:
    return context.create_callback(name="approval").result()


def fail(event: Event, context: DurableContext) -> None:
    raise LookupError(event["message"])


def retry(event: Event, context: DurableContext) -> Any:
    return context.step(lambda _: fail(event, context), name="unlucky")


WORKFLOWS: dict[str, Callable[[Event, DurableContext], Any]] = {
    "step": step,
    "wait": wait,
    "approval": approval,
    "fail": fail,
    "retry": retry,
}


@durable_execution
def lambda_handler(event: Event, context: DurableContext) -> Any:
    return WORKFLOWS[event["workflow"]](event, context)
