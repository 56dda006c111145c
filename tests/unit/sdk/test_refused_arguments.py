"""Arguments of a wrong kind are refused at the operation, by its name, and with the right one."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from perdure import (
    AsyncDurableContext,
    DurableContext,
    WithRetryConfig,
    durable_execution,
    durable_parallel_branch,
    with_retry,
)
from perdure.config import (
    CallbackConfig,
    ChildConfig,
    CompletionConfig,
    Duration,
    InvokeConfig,
    MapConfig,
    ParallelBranch,
    ParallelConfig,
    StepConfig,
    WaitForCallbackConfig,
)
from perdure.exceptions import DurableOperationError, ValidationError
from perdure.retries import (
    LinearRetryStrategyConfig,
    RetryDecision,
    RetryPresets,
    RetryStrategyConfig,
    create_linear_retry_strategy,
    create_retry_strategy,
)
from perdure.serdes import JsonSerDes
from perdure.testing import DurableTestRunner
from perdure.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
    WaitStrategyConfig,
    create_wait_strategy,
)

wrong: Any = "a value of a wrong kind"
five: Any = 5


def one(*_: object) -> int:
    return 1


def only_an_order(order: str, how: str) -> None:
    """What a step is not given."""


def polled(strategy: Any) -> WaitForConditionConfig[Any]:
    return WaitForConditionConfig(strategy, 0)


OPERATIONS: dict[str, Callable[[Any], Any]] = {
    r"wait 'w', at \w+.py:\d+, takes a Duration, .*, not 5\.": lambda c: c.wait(five, "w"),
    r"wait 'w', .* not 0\. Leave": lambda c: c.wait(Duration(0), "w"),
    r"invoke 'i', .* takes the name or ARN .*not 5": lambda c: c.invoke(five, {}, "i"),
    r"invoke 'i', .*, not ''": lambda c: c.invoke("", {}, "i"),
    r"step 's', .* takes a StepConfig .*not dict": lambda c: c.step(one, "s", {}),
    r"step without a name, .* runs a function of a StepContext, not str": lambda c: c.step(
        "s", one
    ),
    r"step 's', .* only_an_order cannot be called so: missing a required argument: 'how'": (
        lambda c: c.step(only_an_order, "s")
    ),
    r"map 'm', .* a context, an item, its index and all items, and .*lambda": (
        lambda c: c.map([1], lambda context, item: item, "m")
    ),
    r"map 'm', .* takes a MapConfig .*not ParallelConfig": (
        lambda c: c.map([1], one, "m", ParallelConfig())
    ),
    r"map 'm', .* takes a sequence, .* and generator is none": (
        lambda c: c.map((item for item in [1]), one, "m")
    ),
    r"and set is none": lambda c: c.map({1}, one, "m"),
    r"and dict is none": lambda c: c.map({"a": 1}, one, "m"),
    r"and NoneType is none": lambda c: c.map(None, one, "m"),
    r"map 'm', .* min_successful is 3, but there are only 2": (
        lambda c: c.map([1, 2], one, "m", MapConfig(completion_config=CompletionConfig(3)))
    ),
    r"parallel 'p', .* takes a list of functions, not function": lambda c: c.parallel(one, "p"),
    r"parallel 'p', .* takes a list of functions, not set": lambda c: c.parallel({one}, "p"),
    r"parallel 'p', .* runs a function of a context, not int": lambda c: c.parallel([1], "p"),
    r"callback 'c', .* takes a CallbackConfig": lambda c: c.create_callback("c", {}),
    r"wait_for_callback 'c', .* takes a WaitForCallbackConfig": (
        lambda c: c.wait_for_callback(one, "c", CallbackConfig())
    ),
    r"wait_for_condition 'c', .* needs a WaitForConditionConfig, not NoneType": (
        lambda c: c.wait_for_condition(one, None, "c")
    ),
    r"child context 'x', .* takes a ChildConfig": lambda c: c.run_in_child_context(one, "x", 5),
    r"with_retry 'r' takes a WithRetryConfig": lambda c: with_retry(c, one, wrong, "r"),
    r"What with_retry 'r' runs is a function": lambda c: with_retry(
        c, five, WithRetryConfig(), "r"
    ),
    r"set_logger takes a logging.Logger.* int has no debug": lambda c: c.set_logger(five),
}


@pytest.mark.parametrize("expected", OPERATIONS)
def test_an_operation_refuses_an_argument_and_the_handler_goes_on(expected: str) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError, match=expected):
            OPERATIONS[expected](context)
        return context.step(lambda _: "goes on", name="plain")

    execution = DurableTestRunner().run(handler)
    assert execution.result == "goes on"
    assert [operation.name for operation in execution.operations] == ["plain"]


def test_an_operation_of_a_coroutine_refuses_in_the_same_way() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        with pytest.raises(ValidationError, match=r"step 's', at test_refused_arguments.py:"):
            await context.step(five, "s")

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"


@pytest.mark.parametrize("made", [lambda work: work, asyncio.ensure_future], ids=["plain", "task"])
def test_what_was_called_already_is_refused_with_that_word(made: Callable[[Any], Any]) -> None:
    async def work() -> None:
        await asyncio.sleep(0)

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        called = made(work())
        with pytest.raises(ValidationError, match=r"step 's', .* was called already: hand over"):
            await context.step(called, "s")
        if asyncio.isfuture(called):
            await called

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"


CONFIGURATIONS: dict[str, Callable[[], Any]] = {
    "A callback's timeout is a Duration, .*, not 5": lambda: CallbackConfig(timeout=five),
    "from_seconds.span.total_seconds": lambda: CallbackConfig(timeout=timedelta(days=1)),  # type: ignore[arg-type]  # that is the mistake
    "made of a number, .*, not of '5'": lambda: Duration("5"),  # type: ignore[arg-type]  # that is the mistake
    "has an end, and inf has none": lambda: Duration.from_days(float("inf")),
    "has an end, and nan has none": lambda: Duration.from_seconds(float("nan")),
    "cannot be negative: -1 seconds": lambda: Duration.from_seconds(-1),
    "retry_strategy is a function .*, not RetryStrategyConfig": lambda: StepConfig(
        RetryStrategyConfig()  # type: ignore[arg-type]  # that is the mistake
    ),
    "retry_strategy is a function .*, not str": lambda: WaitForCallbackConfig(retry_strategy=wrong),
    "retry_strategy is a function .*, not int": lambda: WithRetryConfig(five),
    "step_semantics is StepSemantics.AT_MOST_ONCE_PER_RETRY or .*, not 'a value": lambda: (
        StepConfig(step_semantics=wrong)
    ),
    "serdes is an object: JsonSerDes.., with parentheses": lambda: StepConfig(
        serdes=JsonSerDes  # type: ignore[arg-type]  # that is the mistake
    ),
    "serdes is a SerDes, .*, not str": lambda: ChildConfig(serdes=wrong),
    "item_serdes is a SerDes": lambda: MapConfig(item_serdes=wrong),
    "serdes_result is a SerDes": lambda: InvokeConfig(serdes_result=wrong),
    "tenant_id is a str, not 5": lambda: InvokeConfig(tenant_id=five),
    "5 is none": lambda: StepConfig(sub_type=five),
    "summary_generator is a function": lambda: ChildConfig(summary_generator=wrong),
    "item_namer is a function": lambda: MapConfig(item_namer=wrong),
    "nesting_type is NestingType.NESTED or NestingType.FLAT, not": lambda: MapConfig(
        nesting_type=wrong
    ),
    "completion_config is a CompletionConfig, not None": lambda: ParallelConfig(
        completion_config=None  # type: ignore[arg-type]  # that is the mistake
    ),
    "max_concurrency is a number, 1 or more, not 'a": lambda: MapConfig(max_concurrency=wrong),
    "max_concurrency must be 1 or more, not 0": lambda: ParallelConfig(max_concurrency=0),
    "min_successful is a number": lambda: CompletionConfig(min_successful=wrong),
    "min_successful must be 1 or more, not nan": lambda: CompletionConfig(float("nan")),  # type: ignore[arg-type]  # that is the mistake
    "tolerated_failure_count must be 0 or more, not -1": lambda: CompletionConfig(None, -1),
    "tolerated_failure_percentage must be from 0 to 100, not 101": lambda: CompletionConfig(
        tolerated_failure_percentage=101
    ),
    "should_complete is a function": lambda: CompletionConfig(should_complete=wrong),
    "A branch is a function of its context, not 5": lambda: ParallelBranch(five),
    "durable_parallel_branch.., with parentheses": lambda: durable_parallel_branch(one),  # type: ignore[arg-type]  # that is the mistake
    "The delay of a RetryDecision is a Duration": lambda: RetryDecision.retry(five),
    "The delay of a WaitForConditionDecision is": lambda: WaitForConditionDecision.continue_waiting(
        five
    ),
    "initial_delay is a Duration": lambda: RetryPresets.fixed(five),
    "increment is a Duration": lambda: LinearRetryStrategyConfig(increment=five),
    "max_attempts is a number": lambda: RetryStrategyConfig(max_attempts=wrong),
    "backoff_rate must be 0 or more": lambda: RetryStrategyConfig(backoff_rate=-1),
    "jitter_strategy is JitterStrategy.NONE or": lambda: RetryStrategyConfig(jitter_strategy=wrong),
    "retryable_errors is a list of texts": lambda: RetryStrategyConfig(retryable_errors=wrong),
    "retryable_error_types is a list of exception classes": lambda: RetryStrategyConfig(
        retryable_error_types=ValueError  # type: ignore[arg-type]  # that is the mistake
    ),
    "create_retry_strategy takes a RetryStrategyConfig, not 5": lambda: create_retry_strategy(five),
    "takes a LinearRetryStrategyConfig, not 5": lambda: create_linear_retry_strategy(five),
    "create_wait_strategy takes a WaitStrategyConfig, not 5": lambda: create_wait_strategy(five),
    "should_continue_polling is a function": lambda: WaitStrategyConfig(five),
    "wait_strategy is made of a config: create_wait_strategy.config": lambda: polled(
        WaitStrategyConfig(bool)
    ),
    "wait_strategy is a function .*, not str": lambda: polled(wrong),
}


@pytest.mark.parametrize("expected", CONFIGURATIONS)
def test_a_configuration_refuses_what_it_cannot_take(expected: str) -> None:
    with pytest.raises(ValidationError, match=expected) as refused:
        CONFIGURATIONS[expected]()
    assert re.search(r"test_refused_arguments.py:\d+|parentheses", str(refused.value))


def test_fractions_of_seconds_are_cut_off_however_a_duration_is_made() -> None:
    halves = [Duration(1.5), Duration.from_seconds(1.5), Duration.from_minutes(0.025)]  # type: ignore[arg-type]  # AWS's SDK takes it
    assert [span.seconds for span in halves] == [1, 1, 1]


def failing(_: object) -> None:
    raise ValueError("the first error")


def undecided(*_: object) -> Any:
    return None


async def awaited(*_: object) -> Any:
    return RetryDecision.no_retry()


def decided_by(strategy: Any) -> Callable[[DurableContext], Any]:
    return lambda context: context.step(failing, "charge", StepConfig(strategy))


def completed_by(predicate: Any) -> Callable[[DurableContext], Any]:
    config = MapConfig[Any](completion_config=CompletionConfig(should_complete=predicate))
    return lambda context: context.map([1], one, "load", config)


ANSWERS: dict[str, Callable[[DurableContext], Any]] = {
    "The retry strategy of step 'charge' answered None to ValueError: the first error.*"
    "RetryDecision.no_retry": decided_by(undecided),
    "The retry strategy of step 'charge' cannot be called: .* RetryPresets.transient.. is, call": (
        decided_by(RetryPresets.transient)
    ),
    "The retry strategy of step 'charge' is a coroutine function": decided_by(awaited),
    "The retry strategy of with_retry 'all' answered None": lambda context: with_retry(
        context, lambda *_: failing(_), WithRetryConfig(undecided), "all"
    ),
    "The wait strategy of step WaitForCondition 'up' answered None after attempt 1.*stop_polling": (
        lambda context: context.wait_for_condition(one, polled(undecided), "up")
    ),
    "The should_complete of context Map 'load' answered None.*continue_batch": (
        completed_by(undecided)
    ),
    "The summary_generator of context RunInChildContext 'big' has to return a str, not int": (
        lambda context: context.run_in_child_context(
            lambda _: "x" * 300_000, "big", ChildConfig(summary_generator=lambda _: five)
        )
    ),
}


@pytest.mark.parametrize("expected", ANSWERS)
def test_what_a_function_of_a_configuration_answers_is_looked_at(expected: str) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises((ValidationError, DurableOperationError), match=expected):
            ANSWERS[expected](context)

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"


def test_what_an_item_namer_raises_fails_its_map() -> None:
    def unnamed(item: int, index: int) -> str:
        raise LookupError("no name")

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(DurableOperationError, match="no name"):
            context.map([1], one, "load", MapConfig(item_namer=unnamed))

    execution = DurableTestRunner().run(handler)
    assert [(one.name, one.status) for one in execution.operations] == [("load", "FAILED")]


@pytest.mark.parametrize("attempt", [2_000, 1_000_000])
def test_a_delay_that_has_grown_beyond_all_numbers_is_the_longest(attempt: int) -> None:
    for rate in (2.0, 3):
        retries = create_retry_strategy(
            RetryStrategyConfig(max_attempts=attempt + 1, backoff_rate=rate)
        )
        polls = create_wait_strategy(
            WaitStrategyConfig(bool, max_attempts=attempt + 1, backoff_rate=rate)
        )
        assert 1 <= retries(ValueError(), attempt).delay_seconds <= 300
        assert 1 <= polls(True, attempt).delay_seconds <= 300


def test_a_delay_below_a_second_is_a_second_between_whole_attempts_too() -> None:
    def attempt(context: DurableContext, number: int) -> int:
        if number == 1:
            raise ValueError("not yet")
        return number

    at_once = WithRetryConfig[int](lambda error, attempts: RetryDecision.retry(Duration()))

    @durable_execution
    def handler(event: Any, context: DurableContext) -> int:
        return with_retry(context, attempt, at_once, "all")

    runner = DurableTestRunner()
    begun = runner.now
    assert runner.run(handler).result == 2
    assert runner.now - begun == timedelta(seconds=1)
