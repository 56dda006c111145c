"""Run on the real service and in the testing kit, for their histories to be compared."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from perdure import (
    AsyncDurableContext,
    DurableContext,
    Duration,
    InvokeError,
    StepContext,
    StepError,
    durable_execution,
)
from perdure.config import JitterStrategy, MapConfig, StepConfig
from perdure.retries import RetryPresets, RetryStrategyConfig, create_retry_strategy
from perdure.waits import WaitForConditionConfig, WaitForConditionDecision

SECOND = Duration.from_seconds(1)
TWICE = StepConfig(
    create_retry_strategy(
        RetryStrategyConfig(
            max_attempts=2, initial_delay=SECOND, jitter_strategy=JitterStrategy.NONE
        )
    )
)
ONCE = StepConfig(RetryPresets.none())


def flaky(step: StepContext) -> str:
    if step.attempt == 1:
        raise ConnectionError("busy")
    return "ready"


def broken(step: StepContext) -> None:
    raise ValueError("for good")


def until_three(state: int, checks: int) -> WaitForConditionDecision:
    if state >= 3:
        return WaitForConditionDecision.stop_polling()
    return WaitForConditionDecision.continue_waiting(SECOND)


@durable_execution
def sync_twin(event: dict[str, Any], context: DurableContext) -> Any:
    def item(branch: DurableContext, value: int, index: int, values: Sequence[int]) -> int:
        return branch.step(lambda _: value * 2, name="double")

    retried = context.step(flaky, name="flaky", config=TWICE)
    try:
        context.step(broken, name="broken", config=ONCE)
    except StepError as error:
        retried += f", then {error.message}"
    context.wait(SECOND, name="nap")
    doubled = context.map([1, 2], item, name="doubles", config=MapConfig(max_concurrency=1))
    child = context.run_in_child_context(
        lambda inner: inner.step(flaky, name="in", config=TWICE), name="child"
    )
    polled = context.wait_for_condition(
        lambda state, _: state + 1, WaitForConditionConfig(until_three, 1), name="until three"
    )
    answer = context.wait_for_callback(lambda callback_id, _: None, name="approval")
    invoked: int = context.invoke("twin_child:$LATEST", {"value": 3}, name="call")
    try:
        context.invoke("twin_child:$LATEST", {"value": 0}, name="call in vain")
    except InvokeError as error:
        return [retried, doubled.get_results(), child, polled, answer, invoked, error.message]
    return None


@durable_execution
async def async_twin(event: dict[str, Any], context: AsyncDurableContext) -> Any:
    async def work(step: StepContext) -> dict[str, Any]:
        return {"attempt": step.attempt, "of": event["of"]}

    first = await context.step(work, name="work")
    try:
        async with asyncio.timeout(0.02):
            await context.wait(Duration.from_hours(1), name="too long")
    except TimeoutError:
        context.logger.info("went on without it")
    await asyncio.gather(context.wait(SECOND, name="a"), context.wait(Duration(2), name="b"))
    opened = await context.create_callback("approval")
    answer = await opened.result()
    raise RuntimeError(f"{first['attempt']} {answer}")


@durable_execution
async def twin_child(event: dict[str, Any], context: AsyncDurableContext) -> int:
    await context.wait(SECOND)
    if not event["value"]:
        raise LookupError("nothing to do")
    return int(event["value"]) ** 2
