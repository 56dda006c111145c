"""Handlers written for AWS's SDK, one for each kind of operation. The tests run them under it and,
with another import line, under ours."""

from __future__ import annotations

import datetime
import decimal
import uuid
from typing import Any

from aws_durable_execution_sdk_python import (
    BatchResult,
    DurableContext,
    ParallelBranch,
    StepContext,
    complete_batch,
    continue_batch,
    durable_execution,
    durable_parallel_branch,
    durable_step,
    durable_wait_for_callback,
    durable_with_child_context,
)
from aws_durable_execution_sdk_python.config import (
    CallbackConfig,
    ChildConfig,
    CompletionConfig,
    Duration,
    InvokeConfig,
    JitterStrategy,
    MapConfig,
    NestingType,
    ParallelConfig,
    StepConfig,
    StepSemantics,
    WaitForCallbackConfig,
)
from aws_durable_execution_sdk_python.exceptions import (
    CallbackError,
    ChildContextError,
    DurableOperationError,
    InvokeError,
    SerDesError,
    StepError,
    WaitForConditionError,
)
from aws_durable_execution_sdk_python.retries import (
    RetryPresets,
    RetryStrategyConfig,
    WithRetryConfig,
    create_retry_strategy,
    with_retry,
)
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitStrategyConfig,
    create_wait_strategy,
)

SECOND = Duration.from_seconds(1)
TWICE = create_retry_strategy(
    RetryStrategyConfig(max_attempts=2, initial_delay=SECOND, jitter_strategy=JitterStrategy.NONE)
)
ONCE = StepConfig(retry_strategy=RetryPresets.none())


class BrokenError(Exception):
    pass


def _broken(_: object) -> None:
    raise BrokenError("it is broken")


def _told(error: DurableOperationError) -> list[Any]:
    """What a handler can see of a failure."""
    cause = error.__cause__
    names = [type(error).__name__, type(cause).__name__ if cause else None]
    return [*names, error.message, error.error_type, error.data]


@durable_step
def add(step: StepContext, one: int, two: int = 0) -> int:
    return one + two


@durable_with_child_context
def nested(child: DurableContext, depth: int) -> list[Any]:
    inner: list[Any] = child.run_in_child_context(nested(depth - 1)) if depth else []
    return [child.step(add(depth, 1)), *inner]


@durable_wait_for_callback
def submit(callback_id: str, _: object, what: str) -> None:
    assert callback_id


@durable_parallel_branch("named")
def branch(child: DurableContext, value: int) -> int:
    return child.step(add(value), name="in the branch")


def _values() -> dict[str, Any]:
    return {
        "none": None,
        "numbers": [1, 2.5, True],
        "bytes": b"\x00\xff",
        "uuid": uuid.UUID(int=5),
        "decimal": decimal.Decimal("1.50"),
        "time": datetime.datetime(2026, 1, 2, 3, 4, 5, 6, datetime.UTC),
        "day": datetime.date(2026, 1, 2),
        "tuple": (1, (2, "three")),
        "deep": {"list": [{"x": (None,)}]},
        "text": 'with "quotes", ümläuts and \u2028',
    }


@durable_execution
def steps(event: Any, context: DurableContext) -> Any:
    values = context.step(lambda _: _values(), name="values")
    sums = [context.step(add(1, two=2)), context.step(add(3), name="other name")]
    context.wait(SECOND, name="pause")
    context.wait(Duration.from_minutes(1))
    nothing = context.step(lambda _: None)
    config = StepConfig(
        step_semantics=StepSemantics.AT_MOST_ONCE_PER_RETRY, sub_type="Charge", retry_strategy=TWICE
    )
    careful = context.step(lambda _: "done", name="careful", config=config)
    same = values == _values()
    return [same, sums, nothing, careful, event]


@durable_execution
def failures(event: Any, context: DurableContext) -> Any:
    told = []
    try:
        context.step(_broken, name="broken", config=StepConfig(retry_strategy=TWICE))
    except StepError as error:
        told.append(_told(error))
    try:
        context.step(lambda _: object(), name="odd", config=ONCE)
    except SerDesError as error:
        told.append([type(error).__name__, error.error_type])
    try:
        context.run_in_child_context(
            lambda child: child.step(_broken, name="inner", config=ONCE), name="child"
        )
    except ChildContextError as error:
        told.append(_told(error))
    context.wait(SECOND)
    context.run_in_child_context(
        lambda child: child.step(_broken, name="inner", config=ONCE), name="uncaught"
    )
    return told


@durable_execution
def contexts(event: Any, context: DurableContext) -> Any:
    first = context.run_in_child_context(nested(2))
    large = context.run_in_child_context(
        lambda child: child.step(lambda _: "x" * 150_000, name="half") * 2, name="large"
    )
    virtual = context.run_in_child_context(
        lambda child: child.step(add(7)), name="virtual", config=ChildConfig(is_virtual=True)
    )
    named = context.run_in_child_context(
        lambda child: 1, name="named", config=ChildConfig(sub_type="Saga")
    )
    attempts = with_retry(context, _flaky_block, WithRetryConfig(retry_strategy=TWICE), "block")
    context.wait(SECOND, name="pause")
    return [first, len(large), virtual, named, attempts]


def _flaky_block(child: Any, attempt: int) -> int:
    child.step(add(attempt), name=f"attempt {attempt}")
    if attempt == 1:
        raise BrokenError("once")
    return attempt


@durable_execution
def batches(event: Any, context: DurableContext) -> Any:
    done = [
        context.map([1, 2, 3], _square, name="squares", config=MapConfig(max_concurrency=1)),
        context.map(
            [1, -1, 2],
            _square,
            config=MapConfig(
                max_concurrency=1,
                nesting_type=NestingType.FLAT,
                completion_config=CompletionConfig(tolerated_failure_percentage=100),
                item_namer=lambda item, index: f"{index} is {item}",
            ),
        ),
        context.parallel(
            [branch(1), ParallelBranch(_fails, "fails"), branch(2)],
            name="some",
            config=ParallelConfig(max_concurrency=1),
        ),
        context.parallel(
            [branch(1), branch(2), branch(3)],
            config=ParallelConfig(
                max_concurrency=1,
                completion_config=CompletionConfig(
                    should_complete=lambda status: (
                        complete_batch() if status.success_count >= 2 else continue_batch()
                    )
                ),
            ),
        ),
        context.parallel([], name="none"),
        context.map([1, 2, 3], _large, name="large", config=MapConfig(max_concurrency=1)),
    ]
    context.wait(SECOND, name="pause")
    return [_summary(each) for each in done]


def _square(child: DurableContext, value: int, index: int, items: Any) -> int:
    if value < 0:
        raise BrokenError(f"{value} of {len(items)}")
    return child.step(add(value * value), name=f"step {index}")


def _fails(child: DurableContext) -> None:
    child.step(_broken, name="broken", config=ONCE)


def _large(child: DurableContext, value: int, index: int, items: Any) -> str:
    return child.step(lambda _: str(value) * 100_000, name=f"large {index}")


def _summary(done: BatchResult[Any]) -> list[Any]:
    return [
        done.status.value,
        done.completion_reason.value,
        [str(result)[:5] for result in done.get_results()],
        [error.to_dict() if error else None for error in done.get_errors()],
        [(item.index, item.status.value) for item in done.all],
    ]


@durable_execution
def callbacks(event: Any, context: DurableContext) -> Any:
    config = CallbackConfig(Duration.from_hours(1), Duration.from_minutes(1))
    plain = context.create_callback("plain", config)
    told: list[Any] = [plain.result()]
    told.append(context.wait_for_callback(submit("this"), name="submitted"))
    told.append(context.wait_for_callback(lambda callback_id, _: None))
    for name in ("failing", "silent"):
        timeout = WaitForCallbackConfig(timeout=Duration.from_minutes(5))
        try:
            context.wait_for_callback(submit("that"), name=name, config=timeout)
        except CallbackError as error:
            told.append(_told(error))
    try:
        context.wait_for_callback(
            lambda callback_id, _: _broken(None),
            name="unsubmitted",
            config=WaitForCallbackConfig(retry_strategy=RetryPresets.none()),
        )
    except CallbackError as error:
        told.append(_told(error))
    context.wait(SECOND)
    return told


@durable_execution
def conditions(event: Any, context: DurableContext) -> Any:
    def grow(state: dict[str, Any], _: object) -> dict[str, Any]:
        return {"grown": state["grown"] + 1, "pair": (1, 2)}

    def until(goal: int, attempts: int = 60) -> WaitForConditionConfig[dict[str, Any]]:
        strategy: Any = create_wait_strategy(
            WaitStrategyConfig(
                should_continue_polling=lambda state: state["grown"] < goal,
                max_attempts=attempts,
                initial_delay=SECOND,
                jitter_strategy=JitterStrategy.NONE,
            )
        )
        return WaitForConditionConfig(strategy, initial_state={"grown": 0, "pair": (1, 2)})

    met = context.wait_for_condition(grow, until(3), name="met")
    try:
        context.wait_for_condition(grow, until(9, attempts=2), name="exhausted")
    except WaitForConditionError as error:
        return [met, _told(error)]
    return met


@durable_execution
def invokes(event: Any, context: DurableContext) -> Any:
    told: list[Any] = [
        context.invoke("plain", {"a": 1}, name="plain"),
        context.invoke("plain", None, name="tenant", config=InvokeConfig(tenant_id="t1")),
    ]
    for function in ("broken", "absent"):
        try:
            context.invoke(function, [1], name=function)
        except InvokeError as error:
            told.append(_told(error))
    return told


@durable_execution
def unserialisable(event: Any, context: DurableContext) -> Any:
    context.step(add(1))
    return object()


ALL = [
    steps, failures, contexts, batches, callbacks, conditions, invokes, unserialisable,
]  # fmt: skip
