"""Coroutine handlers: gather, tasks, groups, timeouts, and where the invocation ends."""

from __future__ import annotations

import asyncio
import gc
import warnings
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, StepContext, durable_execution
from perdure.config import (
    CallbackConfig,
    CompletionConfig,
    Duration,
    MapConfig,
    ParallelConfig,
    StepConfig,
)
from perdure.exceptions import (
    CallbackTimeoutError,
    OperationCancelledError,
    StepError,
)
from perdure.retries import RetryPresets, WithRetryConfig, with_retry
from perdure.testing import DurableTestRunner, crash_everywhere

SECOND = Duration(1)
HOUR = Duration.from_hours(1)
NO_RETRY = StepConfig(retry_strategy=RetryPresets.none())


async def one(_: StepContext) -> int:
    return 1


async def never(_: StepContext) -> None:
    await asyncio.Event().wait()


def types(execution: Any) -> list[str]:
    return [event["EventType"] for event in execution.history()]


def test_gathered_operations_share_their_checkpoints_and_keep_their_order() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def numbered(number: int) -> Any:
            return await context.step(lambda _: number, name=f"step {number}")

        steps = [context.step(one, name=f"first {n}") for n in range(5)]
        return [await asyncio.gather(*steps), await asyncio.gather(*map(numbered, range(5)))]

    runner = DurableTestRunner()
    execution = runner.run(handler)
    assert execution.result == [[1] * 5, [0, 1, 2, 3, 4]]
    execution.check_determinism()


def test_gathered_steps_take_two_checkpoints() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> int:
        return sum(await asyncio.gather(*(context.step(one) for _ in range(50))))

    runner = DurableTestRunner()
    assert runner.run(handler).result == 50
    assert runner.checkpoints <= 2


def test_operations_without_await_between_them_take_their_ids_in_the_order_of_their_calls() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        later = context.step(lambda _: "later", name="a")
        first = await context.step(lambda _: "first", name="b")
        return [first, await later]

    execution = DurableTestRunner().run(handler)
    assert execution.result == ["first", "later"]
    from perdure.core.scope import operation_id

    assert [event.get("Id") for event in execution.history() if event.get("Name") == "a"] == [
        operation_id(None, 1)
    ] * 2


def test_waits_of_gathered_operations_end_the_invocation_only_when_all_wait() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def working(_: StepContext) -> str:
            await asyncio.sleep(0.02)
            return "worked"

        return await asyncio.gather(
            context.wait(HOUR), context.step(working), context.wait(Duration(1800))
        )

    execution = DurableTestRunner().run(handler)
    assert execution.result == [None, "worked", None]
    assert execution.invocations == 3
    assert "StepSucceeded" in types(execution)[: types(execution).index("InvocationCompleted")]


@pytest.mark.parametrize("how", ["gather", "group", "wait", "wait_for", "shield", "task", "queue"])
def test_a_handler_that_can_only_wait_is_suspended_however_it_waits(how: str) -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        if how == "gather":
            await asyncio.gather(context.wait(HOUR), context.step(one))
        elif how == "group":
            async with asyncio.TaskGroup() as group:
                group.create_task(context.wait(HOUR))
                group.create_task(context.step(one))
        elif how == "wait":
            await asyncio.wait([asyncio.ensure_future(context.wait(HOUR))])
        elif how == "wait_for":
            await asyncio.wait_for(context.wait(HOUR), 3_600)
        elif how == "shield":
            await asyncio.shield(context.wait(HOUR))
        elif how == "task":
            await asyncio.create_task(context.wait(HOUR))
        else:
            queue: asyncio.Queue[None] = asyncio.Queue()

            async def put() -> None:
                await context.wait(HOUR)
                await queue.put(None)

            task = asyncio.create_task(put())
            await queue.get()
            await task
        return how

    execution = DurableTestRunner().run(handler)
    assert execution.result == how
    assert execution.invocations == 2


def test_a_handler_that_also_waits_for_something_else_is_not_cut_off() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def slow() -> str:
            await asyncio.sleep(0.05)
            return await context.step(lambda _: "slow", name="slow")

        return await asyncio.gather(context.wait(HOUR, name="pause"), slow())

    execution = DurableTestRunner().run(handler)
    assert execution.result == [None, "slow"]
    seen = types(execution)
    assert seen.index("StepSucceeded") < seen.index("InvocationCompleted")


def test_a_timeout_cancels_a_step_and_a_replay_takes_the_same_way() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        try:
            async with asyncio.timeout(0.02):
                await context.step(never, name="slow")
            got = "in time"
        except TimeoutError:
            got = "too late"
        await context.wait(HOUR)
        return await context.step(lambda _: got, name="after")

    execution = DurableTestRunner().run(handler)
    assert execution.result == "too late"
    assert execution.step("slow").status == "FAILED"
    execution.check_determinism()


def test_a_timeout_around_a_wait_cancels_the_wait() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        try:
            async with asyncio.timeout(0.02):
                await context.wait(HOUR, name="long")
        except TimeoutError as error:
            context.logger.info("%s", error)
        else:
            return "waited"
        await context.wait(SECOND, name="short")
        return "gave up"

    execution = DurableTestRunner().run(handler)
    assert execution.result == "gave up"
    assert execution.wait("long").status == "CANCELLED"
    execution.check_determinism()


def test_operations_may_be_awaited_after_the_function_was_suspended() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        later = [context.step(one, name="a"), context.create_callback("b")]
        await context.wait(HOUR)
        first, _ = [await each for each in later]
        return first

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        assert DurableTestRunner().run(handler).result == 1
        gc.collect()
    assert told == []


def test_a_timeout_around_a_map_dismisses_its_branches() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        async def item(child: AsyncDurableContext, busy: bool, *_: Any) -> None:
            async def leg(inner: AsyncDurableContext) -> None:
                await inner.step(never if busy else one, name="work")

            await child.parallel([leg], name="legs")

        try:
            async with asyncio.timeout(0.02):
                await context.map([False, True], item, name="items")
            got = "in time"
        except TimeoutError:
            got = "too late"
        await context.wait(HOUR)
        return await context.step(lambda _: got, name="after")

    execution = DurableTestRunner().run(handler)
    assert execution.result == "too late"
    assert execution.context("items").status == "FAILED"
    execution.check_determinism()


def test_a_failure_in_a_task_group_cancels_its_siblings_and_leaves_a_clean_state() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def broken(_: StepContext) -> None:
            raise ValueError("broken")

        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(context.step(broken, name="broken", config=NO_RETRY))
                group.create_task(context.step(never, name="sibling"))
        except* StepError as errors:
            context.logger.info("%s", errors)
        await context.wait(HOUR)
        return await context.step(one, name="after")

    execution = DurableTestRunner().run(handler)
    assert execution.result == 1
    assert execution.step("sibling").status == "FAILED"
    execution.check_determinism()


def test_a_replay_raises_that_an_operation_was_cancelled() -> None:
    seen: list[type[BaseException]] = []

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        try:
            async with asyncio.timeout(0.02):
                await context.step(never, name="slow")
        except TimeoutError as error:
            seen.append(type(error))
        await context.wait(SECOND)

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"
    assert seen == [TimeoutError, OperationCancelledError]


def test_two_tasks_that_take_turns_on_one_context_race() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def both(name: str) -> None:
            await context.step(one, name=f"{name} 1")
            await context.step(one, name=f"{name} 2")

        await asyncio.gather(both("a"), both("b"))

    error = DurableTestRunner().run(handler).error
    assert error["ErrorType"].endswith("ConcurrentOperationsError")
    assert "step 'a 2' was begun at test_async.py:" in error["ErrorMessage"]
    assert "while step 'b 1'" in error["ErrorMessage"]
    assert "context.parallel" in error["ErrorMessage"]


def test_tasks_one_after_the_other_do_not_race() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> int:
        async def both() -> int:
            return await context.step(one) + await context.step(one)

        return await asyncio.create_task(both()) + await asyncio.wait_for(both(), 10)

    assert DurableTestRunner().run(handler).result == 4


def test_a_thousand_branches_run_on_the_loop() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> int:
        async def item(child: AsyncDurableContext, value: int, index: int, _: Any) -> int:
            await child.wait(SECOND)
            return value

        config: MapConfig[int] = MapConfig(completion_config=CompletionConfig())
        return sum((await context.map(range(1_000), item, config=config)).get_results())

    assert DurableTestRunner().run(handler).result == sum(range(1_000))


def test_a_batch_that_is_complete_does_not_wait_for_its_other_branches() -> None:
    cleaned: list[str] = []

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def slow(child: AsyncDurableContext) -> None:
            try:
                await child.step(never, name="never")
            finally:
                cleaned.append("slow")

        async def waiting(child: AsyncDurableContext) -> None:
            await child.wait(HOUR)

        async def quick(child: AsyncDurableContext) -> str:
            return await child.step(lambda _: "quick", name="quick")

        config = ParallelConfig(completion_config=CompletionConfig.first_successful())
        done = await context.parallel([slow, waiting, quick], config=config)
        return [item.status.value for item in done.all]

    execution = DurableTestRunner().run(handler)
    assert execution.result == ["STARTED", "STARTED", "SUCCEEDED"]
    assert cleaned == ["slow"]
    assert execution.invocations == 1


def test_a_suspended_handler_is_cleaned_up() -> None:
    cleaned: list[int] = []

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        try:
            await context.wait(HOUR)
        except Exception:
            cleaned.append(-1)
            raise
        finally:
            cleaned.append(1)

    DurableTestRunner().run(handler)
    assert cleaned == [1, 1]


def test_ordinary_functions_of_a_coroutine_run_in_threads_with_contexts_that_block() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        def child(inner: DurableContext) -> int:
            inner.wait(HOUR)
            return inner.step(lambda _: 7) + inner.step(one)

        def item(inner: DurableContext, value: int, index: int, _: Any) -> int:
            inner.wait(SECOND)
            return inner.step(lambda _: value)

        done = await context.map([1, 2, 3], item)
        return [await context.run_in_child_context(child), done.get_results()]

    execution = DurableTestRunner().run(handler)
    assert execution.result == [8, [1, 2, 3]]
    execution.check_determinism()


def test_callbacks_time_out_durably() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        callback = await context.create_callback("silent", CallbackConfig(timeout=HOUR))
        try:
            await callback.result()
        except CallbackTimeoutError as error:
            return str(error)
        return "answered"

    runner = DurableTestRunner()
    execution = runner.run(handler)
    runner.advance(3_600)
    assert execution.result == "Callback timed out"


def test_a_crash_anywhere_in_a_coroutine_changes_nothing() -> None:
    counts: dict[str, int] = {}

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        def counted(name: str) -> Any:
            async def work(_: StepContext) -> str:
                counts[name] = counts.get(name, 0) + 1
                return name

            return context.step(work, name=name)

        async def item(child: AsyncDurableContext, value: int, index: int, _: Any) -> Any:
            await child.wait(SECOND)
            return await child.step(lambda _: value)

        first = await asyncio.gather(counted("a"), counted("b"), context.wait(SECOND))
        done = await context.map([1, 2], item)
        return [first, done.get_results(), str(context.uuid4()), context.random()]

    crash_everywhere(handler, side_effects=counts)


def test_a_block_of_operations_is_tried_again_after_a_wait() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        async def block(inner: AsyncDurableContext, attempt: int) -> int:
            await inner.step(lambda _: attempt, name=f"attempt {attempt}")
            if attempt < 3:
                raise ValueError(f"attempt {attempt}")
            return attempt

        strategy = RetryPresets.fixed(Duration(7))
        nested = await with_retry(context, block, WithRetryConfig(strategy), name="block")
        flat = WithRetryConfig[int](strategy, wrap_with_run_in_child_context=False)
        return [nested, await with_retry(context, block, flat)]

    execution = DurableTestRunner().run(handler)
    assert execution.result == [3, 3]
    assert execution.wait("block-backoff-2").status == "SUCCEEDED"
    execution.check_determinism()
