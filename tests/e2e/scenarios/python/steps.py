"""Steps that succeed, fail, are tried again, and die."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext
from aws_durable_execution_sdk_python.config import (
    Duration,
    JitterStrategy,
    StepConfig,
    StepSemantics,
)
from aws_durable_execution_sdk_python.retries import (
    RetryDecision,
    RetryPresets,
    RetryStrategyConfig,
    WithRetryConfig,
    create_retry_strategy,
    with_retry,
)

from common import PAUSE, BrokenError, Event, die, gate, note, scenario
from versions import StepError, attempt_of

THREE_ATTEMPTS = create_retry_strategy(
    RetryStrategyConfig(
        max_attempts=3,
        initial_delay=Duration.from_seconds(1),
        backoff_rate=2,
        jitter_strategy=JitterStrategy.NONE,
    )
)
NO_RETRY = StepConfig(retry_strategy=RetryPresets.none())


def _attempts(event: Event) -> Callable[[StepContext], int]:
    """Counts the attempts of a step, and compares with what it is told."""

    def attempt(step: StepContext) -> int:
        counted = note(event, "attempt")
        if attempt_of(step, counted) != counted:
            raise AssertionError(f"told that attempt {counted} is {attempt_of(step, counted)}")
        return counted

    return attempt


def _breaking(event: Event) -> Callable[[StepContext], None]:
    attempt = _attempts(event)

    def breaks(step: StepContext) -> None:
        raise BrokenError(f"attempt {attempt(step)}")

    return breaks


@scenario
def step(event: Event, context: DurableContext) -> Any:
    return context.step(lambda _: event["value"], name="only")


@scenario
def step_without_result(event: Event, context: DurableContext) -> Any:
    return context.step(lambda _: None, name="only")


@scenario
def steps_in_a_row(event: Event, context: DurableContext) -> list[int]:
    def numbered(number: int) -> int:
        def work(_: StepContext) -> int:
            note(event, number)
            return number

        return context.step(work, name=f"step {number}")

    return [numbered(number) for number in range(3)]


@scenario
def steps_without_names(event: Event, context: DurableContext) -> list[int]:
    return [context.step(lambda _: 1), context.step(lambda _: 2)]


@scenario
def step_retried(event: Event, context: DurableContext) -> str:
    attempt = _attempts(event)

    def flaky(step: StepContext) -> str:
        text = f"attempt {attempt(step)}"
        if text != "attempt 3":
            raise BrokenError(text)
        return text

    return context.step(flaky, name="flaky", config=StepConfig(retry_strategy=THREE_ATTEMPTS))


@scenario
def step_exhausted(event: Event, context: DurableContext) -> str:
    config = StepConfig(retry_strategy=THREE_ATTEMPTS)
    try:
        context.step(_breaking(event), name="broken", config=config)
    except StepError as error:
        return str(error)
    return "not reached"


@scenario
def block_retried(event: Event, context: DurableContext) -> str:
    """A whole block of operations is tried again, after a wait that the SDK makes."""

    def block(inner: Any, attempt: int) -> str:
        inner.step(lambda _: attempt, name=f"try {attempt}")
        if attempt == 1:
            raise BrokenError("not this time")
        return f"attempt {attempt}"

    def after_two_seconds(_: Exception, attempts: int) -> RetryDecision:
        return RetryDecision.retry(PAUSE)

    config: WithRetryConfig[str] = WithRetryConfig(retry_strategy=after_two_seconds)
    return with_retry(context, block, config, name="block")


@scenario
def step_failing_uncaught(event: Event, context: DurableContext) -> None:
    context.step(_breaking(event), name="broken", config=NO_RETRY)


@scenario
def step_with_default_retries(event: Event, context: DurableContext) -> None:
    context.step(_breaking(event), name="broken")


@scenario
def step_crash_at_least_once(event: Event, context: DurableContext) -> str:
    return _fatal(event, context, StepConfig(retry_strategy=RetryPresets.none()))


@scenario
def step_crash_at_most_once(event: Event, context: DurableContext) -> str:
    semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY
    config = StepConfig(retry_strategy=RetryPresets.none(), step_semantics=semantics)
    return _fatal(event, context, config)


@scenario
def step_crash_at_most_once_retried(event: Event, context: DurableContext) -> str:
    def once_more(_: Exception, attempts: int) -> RetryDecision:
        if attempts > 1:
            return RetryDecision.no_retry()
        return RetryDecision.retry(Duration.from_seconds(1))

    semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY
    return _fatal(event, context, StepConfig(retry_strategy=once_more, step_semantics=semantics))


@scenario
def step_killed(event: Event, context: DurableContext) -> str:
    """The test kills the process that is noted; the second one finds the gate open."""

    def work(step: StepContext) -> int:
        runs = note(event, os.getpid())
        gate(event, "go")
        return runs

    context.step(lambda _: "done", name="before")
    return f"run {context.step(work, name='work', config=NO_RETRY)}"


def _fatal(event: Event, context: DurableContext, config: StepConfig) -> str:
    """The process dies in its second step, the first time."""

    def fatal(step: StepContext) -> int:
        runs = note(event, "run")
        if runs == 1:
            gate(event, "die")
            die()
        return runs

    context.step(lambda _: "done", name="before")
    try:
        return f"run {context.step(fatal, name='fatal', config=config)}"
    except StepError:
        return "interrupted"
