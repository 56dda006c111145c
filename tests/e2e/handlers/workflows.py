"""The workflows of the end-to-end tests, in one function: the event says which one runs.

One function means one runtime process for all of them, as long as one is enough.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python import (
    BatchResult,
    CallbackError,
    DurableContext,
    InvokeError,
    StepContext,
    StepError,
    durable_execution,
)
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    Duration,
    JitterStrategy,
    MapConfig,
    StepConfig,
    StepSemantics,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.retries import (
    RetryDecision,
    RetryStrategyConfig,
    create_retry_strategy,
)
from aws_durable_execution_sdk_python.types import (
    WaitForCallbackContext,
    WaitForConditionCheckContext,
)
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
)

Event = dict[str, Any]
Workflow = Callable[[Event, DurableContext], Any]

TWICE_MORE = create_retry_strategy(
    RetryStrategyConfig(
        max_attempts=3,
        initial_delay=Duration.from_seconds(1),
        backoff_rate=2,
        jitter_strategy=JitterStrategy.NONE,
    )
)
_DELAY = Duration.from_seconds(1)


def seconds(event: Event, key: str) -> Duration:
    return Duration.from_seconds(event.get(key, 0))


def note(event: Event, text: str) -> int:
    """Append a line to the event's file; how many lines it has now."""
    file = Path(event["file"])
    with file.open("a") as lines:
        lines.write(f"{text}\n")
    return len(file.read_text().splitlines())


def until_noted(event: Event, text: str) -> None:
    """Busy until the test has written such a line."""
    file = Path(event["file"])
    limit = time.monotonic() + 20
    while not file.exists() or text not in file.read_text().splitlines():
        if time.monotonic() > limit:
            raise TimeoutError(text)
        time.sleep(0.01)


def step(event: Event, context: DurableContext) -> Any:
    return context.step(lambda _: event["value"], name="only")


def wait(event: Event, context: DurableContext) -> str:
    context.wait(seconds(event, "seconds"), name="pause")
    return "rested"


def retry(event: Event, context: DurableContext) -> str:
    """Fails in the first attempts, as many as the event says."""

    def flaky(step: StepContext) -> str:
        if step.attempt <= event["failures"]:
            raise ValueError(f"attempt {step.attempt}")
        return f"attempt {step.attempt}"

    try:
        return context.step(flaky, name="flaky", config=StepConfig(retry_strategy=TWICE_MORE))
    except StepError as error:
        return f"gave up: {error.error_type} {error.message}"


def crash(event: Event, context: DurableContext) -> str:
    """The process dies in its second step, the first time."""

    def fatal(step: StepContext) -> int:
        runs = note(event, f"attempt {step.attempt}") - 1
        if runs == 1:
            os._exit(7)
        return runs

    def again(_: Exception, attempts: int) -> RetryDecision:
        if attempts > event.get("retries", 0):
            return RetryDecision.no_retry()
        return RetryDecision.retry(_DELAY)

    config = StepConfig(retry_strategy=again, step_semantics=StepSemantics[event["semantics"]])
    context.step(lambda _: note(event, "before"), name="before")
    try:
        return f"succeeded in run {context.step(fatal, name='fatal', config=config)}"
    except StepError as error:
        return f"failed: {error.error_type}"


def callback(event: Event, context: DurableContext) -> Any:
    config = CallbackConfig(
        timeout=seconds(event, "timeout"), heartbeat_timeout=seconds(event, "heartbeat")
    )
    opened = context.create_callback(name="approval", config=config)
    try:
        return opened.result()
    except CallbackError as error:
        return f"{type(error).__name__}: {error.message}"


def wait_for_callback(event: Event, context: DurableContext) -> Any:
    def submit(callback_id: str, _: WaitForCallbackContext) -> None:
        note(event, callback_id)

    config = WaitForCallbackConfig(timeout=seconds(event, "timeout"))
    return context.wait_for_callback(submit, name="approval", config=config)


def parallel(event: Event, context: DurableContext) -> list[str]:
    def branch(name: str) -> Callable[[DurableContext], str]:
        return lambda child: child.step(lambda _: name, name=f"step {name}")

    done: BatchResult[str] = context.parallel([branch("a"), branch("b")], name="both")
    return done.get_results()


def map_(event: Event, context: DurableContext) -> list[int]:
    def square(child: DurableContext, item: int, index: int, items: Any) -> int:
        child.wait(_DELAY, name=f"wait {index}")
        return child.step(lambda _: item * item, name=f"square {index}")

    done: BatchResult[int] = context.map(
        event["items"], square, name="squares", config=MapConfig(max_concurrency=2)
    )
    return done.get_results()


def child(event: Event, context: DurableContext) -> str:
    def inner(inside: DurableContext) -> str:
        first = inside.step(lambda _: "one", name="first")
        second = inside.step(lambda _: "two", name="second")
        return f"{first} {second}"

    grouped = context.run_in_child_context(inner, name="group")
    context.wait(_DELAY, name="pause")
    return grouped


def large_child(event: Event, context: DurableContext) -> int:
    """Its context's result is too large to be kept: the SDK asks for its children again."""

    def inner(inside: DurableContext) -> str:
        return inside.step(lambda _: "x" * 200_000, name="part") * 2

    grouped = context.run_in_child_context(inner, name="large")
    context.wait(_DELAY, name="pause")
    return len(grouped)


def condition(event: Event, context: DurableContext) -> int:
    def check(state: int, _: WaitForConditionCheckContext) -> int:
        return state + 1

    def strategy(state: int, attempts: int) -> WaitForConditionDecision:
        if state >= event["until"]:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(_DELAY)

    return context.wait_for_condition(
        check, WaitForConditionConfig(strategy, initial_state=0), name="grown"
    )


def invoke(event: Event, context: DurableContext) -> Any:
    try:
        return context.invoke(event["target"], event["payload"], name="other")
    except InvokeError as error:
        return f"{error.error_type}: {error.message}"


def first_of_three(event: Event, context: DurableContext) -> str:
    """What follows the callback must not wait for the other branches."""

    def approval(branch: DurableContext) -> str:
        opened = branch.create_callback(name="approval")
        note(event, opened.callback_id)
        answer = opened.result()
        branch.step(lambda _: note(event, "approved"), name="approved")
        return str(answer)

    def slow(branch: DurableContext) -> str:
        def work(_: StepContext) -> str:
            until_noted(event, "completed")
            time.sleep(1.5)
            return "worked"

        return branch.step(work, name="slow")

    def month(branch: DurableContext) -> str:
        branch.wait(Duration.from_days(30), name="month")
        return "waited"

    context.parallel([approval, slow, month], name="three")
    return "done"


def fail(event: Event, context: DurableContext) -> None:
    raise LookupError(event["message"])


WORKFLOWS: dict[str, Workflow] = {
    "step": step,
    "wait": wait,
    "retry": retry,
    "crash": crash,
    "callback": callback,
    "wait_for_callback": wait_for_callback,
    "parallel": parallel,
    "map": map_,
    "child": child,
    "large_child": large_child,
    "condition": condition,
    "invoke": invoke,
    "first_of_three": first_of_three,
    "fail": fail,
}


@durable_execution
def lambda_handler(event: Event, context: DurableContext) -> Any:
    return WORKFLOWS[event["workflow"]](event, context)
