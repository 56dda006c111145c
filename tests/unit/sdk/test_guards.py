"""What a handler does wrong, and what it is told: which step, where in the code, what instead."""

from __future__ import annotations

import asyncio
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, StepContext, durable_execution
from perdure.config import Duration, ParallelConfig, StepConfig
from perdure.exceptions import (
    ConcurrentOperationsError,
    DurableExecutionWarning,
    ExecutionError,
    InvocationError,
    PayloadTooLargeError,
    PluginLoadError,
    ValidationError,
)
from perdure.retries import RetryPresets
from perdure.serdes import SerDes, SerDesContext
from perdure.service_api import ErrorObject
from perdure.testing import DurableTestRunner

SECOND = Duration(1)


def error_of(handler: Any) -> ErrorObject:
    return DurableTestRunner().run(handler).error


def text_of(handler: Any) -> str:
    return error_of(handler)["ErrorMessage"]


@pytest.mark.parametrize(
    ("handler", "expected"),
    [
        (lambda: None, r"cannot be called with an event and a context .*def <lambda>\(event, cont"),
        (lambda event, context, more: None, "missing a required argument: 'more'"),
        (lambda event, *, context: None, "def <lambda>"),
        (7, "7 is none"),
    ],
)
def test_a_handler_with_a_wrong_signature_is_refused_where_it_is_decorated(
    handler: Any, expected: str
) -> None:
    with pytest.raises(TypeError, match=expected):
        durable_execution(handler)


def test_a_generator_is_no_handler() -> None:
    def handler(event: Any, context: Any) -> Any:
        yield event

    with pytest.raises(TypeError, match="has a yield in it"):
        durable_execution(handler)


def test_plugins_are_refused_with_what_to_do() -> None:
    with pytest.raises(PluginLoadError, match="Leave `plugins` out"):
        durable_execution(plugins=[object()])


def test_a_call_without_a_durable_event_says_how_to_get_one() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None: ...

    with pytest.raises(ExecutionError, match="DurableConfig"):
        handler({"just": "an event"}, None)


def test_an_operation_inside_a_step_names_both_and_the_place() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        def outer(_: StepContext) -> None:
            context.step(lambda _: 1, name="inner")

        context.step(outer, name="outer")

    error = error_of(handler)
    assert error["ErrorType"].endswith("OperationInStepError")
    assert "step 'inner' was asked for inside step 'outer', at test_guards.py:" in text_of(handler)
    assert "run_in_child_context" in error["ErrorMessage"]


def test_an_operation_inside_a_coroutine_step_is_refused_too() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        async def outer(_: StepContext) -> None:
            await context.wait(SECOND, name="inner")

        await context.step(outer, name="outer")

    assert "wait 'inner' was asked for inside step 'outer'" in text_of(handler)


def test_a_replay_that_takes_another_way_fails_the_execution_and_names_both() -> None:
    runs: list[int] = []

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        runs.append(1)
        if len(runs) == 1:
            context.step(lambda _: 1, name="the first time")
        else:
            context.step(lambda _: 1, name="the second time")
        context.wait(SECOND)

    error = error_of(handler)
    assert error["ErrorType"].endswith("NonDeterministicExecutionError")
    text = error["ErrorMessage"]
    assert "met step 'the second time' at test_guards.py:" in text
    assert "where step 'the first time' is recorded" in text


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_sleeping_in_a_handler_is_warned_of_and_in_a_step_it_is_not(kind: str) -> None:
    @durable_execution
    def in_thread(event: Any, context: DurableContext) -> None:
        context.step(lambda _: time.sleep(0.001))
        time.sleep(0.001)

    @durable_execution
    async def in_coroutine(event: Any, context: AsyncDurableContext) -> None:
        await context.step(lambda _: time.sleep(0.001))
        time.sleep(0.001)  # noqa: ASYNC251  that is what the warning is about

    handler = in_thread if kind == "thread" else in_coroutine
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert DurableTestRunner().run(handler).status == "SUCCEEDED"
    (warning,) = caught
    assert warning.category is DurableExecutionWarning
    assert "context.wait" in str(warning.message)
    assert warning.filename == __file__


def test_the_outer_context_inside_a_child_is_warned_of() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> int:
        return context.run_in_child_context(lambda child: context.step(lambda _: 1, name="lost"))

    with pytest.warns(DurableExecutionWarning, match=r"step 'lost' .* at test_guards\.py:"):
        assert DurableTestRunner().run(handler).result == 1


def test_operations_from_a_thread_of_the_users_are_refused() -> None:
    told: list[Exception] = []

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        def work() -> None:
            try:
                context.step(lambda _: 1, name="stray")
            except ConcurrentOperationsError as error:
                told.append(error)

        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"
    assert "step 'stray' was asked for at test_guards.py:" in str(told[0])
    assert "context.parallel" in str(told[0])


def test_branches_that_share_the_outer_context_race() -> None:
    both_there = threading.Barrier(2)

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        def branch(_: DurableContext) -> None:
            context.step(lambda _: both_there.wait(5), name="shared")

        done = context.parallel([branch, branch], config=ParallelConfig(max_concurrency=2))
        done.throw_if_error()

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DurableExecutionWarning)
        error = error_of(handler)
    assert error["ErrorType"].endswith("ConcurrentOperationsError")


@pytest.mark.parametrize("seconds", [0, 31_622_401])
def test_a_wait_out_of_range_is_refused_before_anything_is_recorded(seconds: int) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        context.wait(Duration(seconds))

    execution = DurableTestRunner().run(handler)
    assert "from 1 second to 31,622,400" in execution.error["ErrorMessage"]
    assert execution.operations == []


def test_a_step_that_is_no_function_is_refused_with_a_hint() -> None:
    async def work() -> None: ...

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        called: Any = work()
        context.step(called, name="called")

    assert "do not call it" in text_of(handler)


def test_a_result_of_the_handler_that_is_no_json_names_the_handler() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> Any:
        return {"at": object()}

    assert "The result of" in text_of(handler)
    assert "handler cannot be written as JSON" in text_of(handler)


def test_a_step_that_cannot_be_kept_leaves_a_good_state_behind() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> Any:
        try:
            context.step(lambda _: object(), name="odd")
        except Exception as error:
            text = str(error)
        else:
            text = "kept"
        context.wait(SECOND)
        return text

    execution = DurableTestRunner().run(handler)
    assert "The result of step 'odd' cannot be written down" in execution.result
    execution.check_determinism()


def test_errors_of_the_service_end_the_invocation_and_not_the_execution() -> None:
    calls: list[int] = []

    @durable_execution
    def handler(event: Any, context: DurableContext) -> int:
        calls.append(1)
        try:
            return context.step(lambda _: 1)
        except Exception:
            return -1

    runner = DurableTestRunner()
    runner.crash("before", 1)
    assert runner.run(handler).result == 1
    assert len(calls) == 2


def test_an_execution_error_in_a_step_fails_the_execution_without_retries() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        def fatal(_: StepContext) -> None:
            raise ExecutionError("give up")

        context.step(fatal)

    assert DurableTestRunner().run(handler).error["ErrorMessage"] == "give up"


def test_configs_say_what_is_wrong_with_them() -> None:
    from perdure.config import CompletionConfig, MapConfig, continue_batch

    mistakes: list[tuple[Callable[[], object], str]] = [
        (lambda: Duration(-1), "cannot be negative"),
        (lambda: CompletionConfig(min_successful=0), "must be 1 or more"),
        (lambda: CompletionConfig(tolerated_failure_count=-1), "must be 0 or more"),
        (lambda: CompletionConfig(tolerated_failure_percentage=101), "from 0 to 100"),
        (
            lambda: CompletionConfig(should_complete=lambda _: continue_batch(), min_successful=1),
            "decides alone",
        ),
        (lambda: MapConfig(max_concurrency=0), "must be 1 or more"),
        (lambda: StepConfig(sub_type="a b"), "'a b' is none"),
    ]
    for make, expected in mistakes:
        with pytest.raises(ValidationError, match=expected):
            make()


def test_more_successes_than_branches_are_refused_before_anything_is_recorded() -> None:
    from perdure.config import CompletionConfig

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        config = ParallelConfig(completion_config=CompletionConfig(min_successful=2))
        context.parallel([lambda child: None], config=config)

    execution = DurableTestRunner().run(handler)
    assert "there are only 1 branches" in execution.error["ErrorMessage"]
    assert execution.operations == []


def test_a_cancelled_invocation_cancels_its_handler() -> None:
    began = asyncio.Event()
    ended: list[str] = []

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        try:
            began.set()
            await asyncio.sleep(60)
        finally:
            ended.append("cleaned up")

    async def invoke() -> None:
        event: Any = {"DurableExecutionArn": "arn:x/e1", "CheckpointToken": "t"}
        service: Any = None
        task = asyncio.create_task(handler.invoke(event, service, service))
        await began.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(invoke())
    assert ended == ["cleaned up"]


def test_no_retry_is_one_attempt() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        def broken(_: StepContext) -> None:
            raise ValueError("no")

        context.step(broken, config=StepConfig(retry_strategy=RetryPresets.none()))

    execution = DurableTestRunner().run(handler)
    assert execution.operations[0].attempts == 1


def test_a_result_that_is_too_large_can_be_caught_on_a_replay_too() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> str:
        try:
            told: str = context.step(lambda _: "x" * (1 << 20), name="large")
        except PayloadTooLargeError as error:
            told = str(error)
        context.wait(SECOND)
        return told

    execution = DurableTestRunner().run(handler)
    assert execution.result.startswith("The result of step 'large' has 1,048,578 bytes")
    execution.check_determinism()


def test_a_serdes_that_writes_no_text_fails_its_step() -> None:
    class Bytes(SerDes[Any]):
        def serialize(self, value: Any, serdes_context: SerDesContext) -> Any:
            return b"bytes"

        def deserialize(self, data: str, serdes_context: SerDesContext) -> Any: ...

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        context.step(lambda _: 1, name="odd", config=StepConfig(serdes=Bytes()))

    assert "The serdes of step 'odd' wrote the result as bytes" in text_of(handler)


def test_an_operation_that_is_never_awaited_goes_by_its_name() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        forgotten: Any = context.step(lambda _: 1, name="forgotten")
        forgotten.close()
        return str(forgotten.__qualname__)

    assert DurableTestRunner().run(handler).result == "step 'forgotten'"


def test_a_map_for_which_there_are_no_threads_is_tried_again_and_says_what_to_bound() -> None:
    told: list[str] = []
    opened = threading.Event()

    @durable_execution
    def handler(event: Any, context: DurableContext) -> int:
        def branch(child: DurableContext, item: int, *_: Any) -> int:
            if not told:
                opened.wait(10)
            return item

        usual = threading.stack_size()
        try:
            if not told:
                threading.stack_size(1 << 47)  # more than there are addresses
            return len(context.map(range(1_500), branch, name="wide").get_results())
        except InvocationError as error:
            told.append(str(error))
            raise
        finally:
            threading.stack_size(usual)
            opened.set()

    execution = DurableTestRunner(invocation_seconds=20).run(handler)
    assert execution.result == 1_500
    assert "max_concurrency" in told[0]
