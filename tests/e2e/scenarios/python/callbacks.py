"""Callbacks, by themselves and with a submitter."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import DurableContext
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    Duration,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.retries import RetryPresets
from aws_durable_execution_sdk_python.types import WaitForCallbackContext

from common import PAUSE, BrokenError, Event, gate, note, scenario
from steps import THREE_ATTEMPTS
from versions import CallbackError


def _open(event: Event, context: DurableContext) -> Any:
    """The callback `approval`, with the timeouts of the event; its result or its error's text."""
    config = CallbackConfig(
        timeout=Duration(event.get("timeout", 0)),
        heartbeat_timeout=Duration(event.get("heartbeat", 0)),
    )
    opened = context.create_callback(name="approval", config=config)
    try:
        return opened.result()
    except CallbackError as error:
        return f"failed: {error}"


for name in (
    "callback",
    "callback-empty",
    "callback-text",
    "callback-failed",
    "callback-failed-without-error",
    "callback-timed-out",
    "callback-heartbeat-missed",
    "callback-heartbeats",
    "callback-completed-twice",
    "callback-after-the-end",
):
    scenario(_open, name)


@scenario
def callback_while_running(event: Event, context: DurableContext) -> Any:
    """Completed before anybody asks for the result: the function never suspends."""
    opened = context.create_callback(name="approval")
    note(event, opened.callback_id)
    gate(event, "completed")
    # The answer to the step's checkpoint brings the result.
    context.step(lambda _: "done", name="work")
    return opened.result()


@scenario
def callback_completed_in_a_step(event: Event, context: DurableContext) -> Any:
    """As before, but the function asks for the result without a checkpoint in between."""
    opened = context.create_callback(name="approval")
    note(event, opened.callback_id)
    gate(event, "completed")
    return opened.result()


@scenario
def callback_during_a_wait(event: Event, context: DurableContext) -> Any:
    opened = context.create_callback(name="approval")
    context.wait(Duration.from_seconds(4), name="pause")
    return opened.result()


@scenario
def callbacks_one_after_the_other(event: Event, context: DurableContext) -> list[Any]:
    first = context.create_callback(name="first")
    second = context.create_callback(name="second")
    return [first.result(), second.result()]


@scenario
def wait_for_callback(event: Event, context: DurableContext) -> Any:
    return context.wait_for_callback(_submitter(event), name="approval")


@scenario
def wait_for_callback_failed(event: Event, context: DurableContext) -> Any:
    return _caught(event, context, None)


@scenario
def wait_for_callback_timed_out(event: Event, context: DurableContext) -> Any:
    return _caught(event, context, WaitForCallbackConfig(timeout=PAUSE))


@scenario
def wait_for_callback_heartbeat_missed(event: Event, context: DurableContext) -> Any:
    return _caught(event, context, WaitForCallbackConfig(heartbeat_timeout=PAUSE))


@scenario
def wait_for_callback_submitted_again(event: Event, context: DurableContext) -> Any:
    """The submitter fails once."""
    submit = _submitter(event)

    def flaky(callback_id: str, step: WaitForCallbackContext) -> None:
        submit(callback_id, step)
        if note(event, "submitted") < 3:
            raise BrokenError("not this time")

    config = WaitForCallbackConfig(retry_strategy=THREE_ATTEMPTS)
    return context.wait_for_callback(flaky, name="approval", config=config)


@scenario
def wait_for_callback_not_submitted(event: Event, context: DurableContext) -> Any:
    def broken(callback_id: str, _: WaitForCallbackContext) -> None:
        raise BrokenError("cannot submit")

    config = WaitForCallbackConfig(retry_strategy=RetryPresets.none())
    try:
        return context.wait_for_callback(broken, name="approval", config=config)
    except Exception as error:
        return f"failed: {error}"


def _submitter(event: Event) -> Any:
    def submit(callback_id: str, _: WaitForCallbackContext) -> None:
        note(event, callback_id)

    return submit


def _caught(event: Event, context: DurableContext, config: WaitForCallbackConfig | None) -> Any:
    try:
        return context.wait_for_callback(_submitter(event), name="approval", config=config)
    except Exception as error:
        return f"failed: {error}"
