"""What mypy knows of a handler: `assert_type` is checked by it, and by nothing at run time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from perdure import (
    AsyncDurableContext,
    BatchResult,
    DurableContext,
    DurableFunction,
    ParallelBranch,
    StepContext,
    durable_execution,
    durable_step,
)
from perdure.config import Duration
from perdure.waits import WaitForConditionConfig, WaitForConditionDecision


@durable_step
def half(step: StepContext, number: int) -> float:
    return number / 2


async def count(step: StepContext) -> int:
    return step.attempt


async def item(context: AsyncDurableContext, value: int, index: int, items: object) -> str:
    return f"{value}"


def count_in_branch(context: DurableContext) -> int:
    return context.step(count)


async def count_in_task(context: AsyncDurableContext) -> int:
    return await context.step(count)


def grow(state: list[int], _: object) -> list[int]:
    return [*state, 1]


def stop(state: list[int], attempts: int) -> WaitForConditionDecision:
    return WaitForConditionDecision.stop_polling()


@durable_execution
def blocking(event: dict[str, Any], context: DurableContext) -> float:
    assert_type(half(3), Callable[[StepContext], float])
    assert_type(context.step(half(3)), float)
    assert_type(context.step(count), int)
    context.wait(Duration(1))
    assert_type(context.run_in_child_context(lambda child: child.step(half(3))), float)
    assert_type(context.map([1], item), BatchResult[str])
    assert_type(context.map([1], lambda c, v, i, _: c.step(half(v))), BatchResult[float])
    assert_type(context.parallel([ParallelBranch(count_in_branch)]), BatchResult[int])
    assert_type(context.parallel([count_in_task]), BatchResult[int])
    assert_type(
        context.wait_for_condition(grow, WaitForConditionConfig(stop, [0])),
        list[int],
    )
    return context.step(half(3))


@durable_execution
async def coroutine(event: dict[str, Any], context: AsyncDurableContext) -> float:
    begun = context.step(half(3))
    typed: Coroutine[Any, Any, float] = begun
    assert_type(await typed, float)
    assert_type(await context.step(count), int)
    assert_type(await asyncio.gather(context.step(half(3)), context.step(count)), tuple[float, int])
    assert_type(await context.map([1], item), BatchResult[str])
    return await context.step(half(3))


def test_a_decorated_handler_is_a_durable_function() -> None:
    assert_type(blocking, DurableFunction)
    assert_type(coroutine, DurableFunction)
    assert blocking.__name__ == "blocking"
    assert coroutine.is_async
