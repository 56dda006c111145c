"""A handler that never ends fails its test soon, and the failure tells where it stands."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, Duration, StepContext, durable_execution
from perdure.testing import DurableTestRunner, InvocationHung, TooManyInvocations

overs = [threading.Event()]
"""The last lets the threads of a test end, so that none computes on beside other tests."""


@pytest.fixture(autouse=True)
def _end_threads() -> Iterator[None]:
    overs.append(threading.Event())
    yield
    overs[-1].set()


def compute(*_: object) -> None:
    over = overs[-1]
    while not over.wait(0.01):  # as good as computing, and others get on
        pass


async def compute_on_the_loop(*_: object) -> None:
    while True:
        pass


@durable_execution
def in_a_thread(event: None, context: DurableContext) -> None:
    compute()


@durable_execution
def in_a_step(event: None, context: DurableContext) -> None:
    context.step(compute, name="compute")


@durable_execution
async def in_a_step_in_a_thread(event: None, context: AsyncDurableContext) -> None:
    await context.step(compute, name="compute")


@durable_execution
async def on_the_loop(event: None, context: AsyncDurableContext) -> None:
    await compute_on_the_loop()


@durable_execution
async def in_a_step_on_the_loop(event: None, context: AsyncDurableContext) -> None:
    await context.step(compute_on_the_loop, name="compute")


@durable_execution
def behind_a_lock(event: None, context: DurableContext) -> None:
    overs[-1].wait()


@durable_execution
async def asleep(event: None, context: AsyncDurableContext) -> None:
    await asyncio.sleep(1_000)


@durable_execution
async def withstanding(event: None, context: AsyncDurableContext) -> None:
    over = overs[-1]
    while not over.is_set():
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1_000)


@durable_execution
def with_a_plain_child(event: None, context: DurableContext) -> None:
    context.invoke("compute", {})


@pytest.mark.parametrize(
    ("function", "place"),
    [
        (in_a_thread, "in compute"),
        (in_a_step, "in compute"),
        (in_a_step_in_a_thread, "in compute"),
        (on_the_loop, "in compute_on_the_loop"),
        (in_a_step_on_the_loop, "in compute_on_the_loop"),
        (behind_a_lock, "overs[-1].wait()"),
        (asleep, "await asyncio.sleep"),
        (withstanding, "await asyncio.sleep"),
        (with_a_plain_child, "in compute"),
    ],
)
def test_a_handler_without_end_is_told_with_its_place_and_a_remedy(
    function: Any, place: str
) -> None:
    runner = DurableTestRunner(invocation_seconds=1)
    runner.register(lambda event, context: compute(), "compute")
    with pytest.raises(InvocationHung) as told:
        runner.run(function)
    assert "took more than 1 seconds" in str(told.value)
    assert "`invocation_seconds`" in str(told.value)
    assert place in str(told.value)


def test_a_replay_without_end_is_told_as_such() -> None:
    runs: list[int] = []

    @durable_execution
    def once(event: None, context: DurableContext) -> None:
        context.step(lambda step: None, name="only")
        runs.append(1)
        if len(runs) > 1:
            compute()

    execution = DurableTestRunner(invocation_seconds=0.2).run(once)
    with pytest.raises(InvocationHung, match="'once' took more than"):
        execution.check_determinism()


def test_a_wait_without_end_is_told_with_its_history() -> None:
    @durable_execution
    async def again(event: None, context: AsyncDurableContext) -> None:
        while True:
            await context.wait(Duration.from_seconds(1), name="nap")

    with pytest.raises(TooManyInvocations, match=r"(?s)more than 30 invocations.*nap"):
        DurableTestRunner(max_invocations=30).run(again)


@pytest.mark.parametrize("kind", ["thread", "loop"])
def test_steps_without_end_meet_the_limit_of_operations(kind: str) -> None:
    def noop(step: StepContext) -> int:
        return 1

    async def endless(event: None, context: AsyncDurableContext) -> None:
        while True:
            await context.step(noop if kind == "thread" else anoop)

    async def anoop(step: StepContext) -> int:
        return 1

    execution = DurableTestRunner().run(durable_execution(endless))
    assert execution.error["ErrorType"] == "DurableExecutionQuotaExceeded"
    assert "3000 durable operations" in execution.error["ErrorMessage"]


def test_after_one_that_hung_others_run_as_ever(durable: DurableTestRunner) -> None:
    @durable_execution
    async def good(event: int, context: AsyncDurableContext) -> int:
        await context.wait(Duration.from_hours(1))
        return event + 1

    for function in (on_the_loop, withstanding):
        with pytest.raises(InvocationHung):
            DurableTestRunner(invocation_seconds=0.1).run(function)
        assert durable.run(good, 1).result == 2
