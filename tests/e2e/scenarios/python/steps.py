"""Steps that succeed, fail, are tried again, and die."""

from __future__ import annotations

import os
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
    create_retry_strategy,
)

from common import BrokenError, Event, die, gate, note, scenario
from versions import StepError

THREE_ATTEMPTS = create_retry_strategy(
    RetryStrategyConfig(
        max_attempts=3,
        initial_delay=Duration.from_seconds(1),
        backoff_rate=2,
        jitter_strategy=JitterStrategy.NONE,
    )
)
NO_RETRY = StepConfig(retry_strategy=RetryPresets.none())


def breaks(step: StepContext) -> None:
    raise BrokenError(f"attempt {step.attempt}")


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
def step_retried(event: Event, context: DurableContext) -> str:
    def flaky(step: StepContext) -> str:
        if step.attempt < 3:
            breaks(step)
        return f"attempt {step.attempt}"

    return context.step(flaky, name="flaky", config=StepConfig(retry_strategy=THREE_ATTEMPTS))


@scenario
def step_exhausted(event: Event, context: DurableContext) -> str:
    try:
        context.step(breaks, name="broken", config=StepConfig(retry_strategy=THREE_ATTEMPTS))
    except StepError as error:
        return str(error)
    return "not reached"


@scenario
def step_failing_uncaught(event: Event, context: DurableContext) -> None:
    context.step(breaks, name="broken", config=NO_RETRY)


@scenario
def step_with_default_retries(event: Event, context: DurableContext) -> None:
    context.step(breaks, name="broken")


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
        runs = note(event, f"attempt {step.attempt}")
        if runs == 1:
            gate(event, "die")
            die()
        return runs

    context.step(lambda _: "done", name="before")
    try:
        return f"run {context.step(fatal, name='fatal', config=config)}"
    except StepError:
        return "interrupted"
