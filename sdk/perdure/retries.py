"""When a failed step is tried again."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar, overload

from perdure.arguments import check_duration, check_function, check_strategy, refusal
from perdure.config import (
    ChildConfig,
    Duration,
    JitterStrategy,
    Numeric,
)
from perdure.delays import GrowingDelays, check_delays, next_delay

if TYPE_CHECKING:
    from perdure.async_context import AsyncDurableContext
    from perdure.context import DurableContext

T = TypeVar("T")

RetryStrategy = Callable[[Exception, int], "RetryDecision"]
"""Told the error and how many attempts were made, the failed one included."""

_FIVE_SECONDS = Duration(5)
_FIVE_MINUTES = Duration(300)


@dataclass(slots=True)
class RetryDecision:
    """What a retry strategy answers.

        def only_timeouts(error: Exception, attempts: int) -> RetryDecision:
            if isinstance(error, TimeoutError) and attempts < 5:
                return RetryDecision.retry(Duration.from_seconds(2 * attempts))
            return RetryDecision.no_retry()

    A delay below a second is a second.
    """

    should_retry: bool
    delay: Duration

    def __post_init__(self) -> None:
        check_duration("The delay of a RetryDecision", self.delay)

    @property
    def delay_seconds(self) -> int:
        return self.delay.seconds

    @classmethod
    def retry(cls, delay: Duration) -> RetryDecision:
        """Try again after `delay`."""
        return cls(should_retry=True, delay=delay)

    @classmethod
    def no_retry(cls) -> RetryDecision:
        """Give up."""
        return cls(should_retry=False, delay=Duration())


@dataclass(slots=True)
class RetryStrategyConfig(GrowingDelays):
    """Attempts whose delays are multiplied by `backoff_rate`, for `create_retry_strategy`.

    Args:
        max_attempts: How often it is tried in all, the first time included.
        initial_delay: After the first failure.
        max_delay: No delay is longer.
        backoff_rate: What each delay is multiplied by to make the next.
        jitter_strategy: How delays are spread.
        retryable_errors: Try again only if the error's text has one of these in it, or matches,
            where that is a compiled pattern.
        retryable_error_types: Or if it is of one of these classes. Any error if neither is given.
    """

    max_attempts: int = 3
    initial_delay: Duration = _FIVE_SECONDS
    max_delay: Duration = _FIVE_MINUTES
    backoff_rate: Numeric = 2.0
    jitter_strategy: JitterStrategy = JitterStrategy.FULL
    retryable_errors: list[str | re.Pattern[str]] | None = None
    retryable_error_types: list[type[Exception]] | None = None

    def __post_init__(self) -> None:
        check_delays(self)
        _check_errors(self)


@dataclass(slots=True)
class LinearRetryStrategyConfig(GrowingDelays):
    """Attempts whose delays grow by `increment`, for `create_linear_retry_strategy`. All else is as
    in RetryStrategyConfig."""

    max_attempts: int = 6
    initial_delay: Duration = field(default=Duration(1))
    increment: Duration = field(default=Duration(1))
    max_delay: Duration = _FIVE_MINUTES
    jitter_strategy: JitterStrategy = JitterStrategy.FULL
    retryable_errors: list[str | re.Pattern[str]] | None = None
    retryable_error_types: list[type[Exception]] | None = None

    def __post_init__(self) -> None:
        check_delays(self)
        check_duration("increment", self.increment)
        _check_errors(self)

    @property
    def increment_seconds(self) -> int:
        return self.increment.seconds


def _check_errors(config: RetryStrategyConfig | LinearRetryStrategyConfig) -> None:
    texts: Any = config.retryable_errors
    types: Any = config.retryable_error_types
    if isinstance(texts, str) or not all(
        hasattr(text, "search") or isinstance(text, str) for text in texts or ()
    ):
        raise refusal(f"retryable_errors is a list of texts and compiled patterns, not {texts!r}.")
    if isinstance(types, type) or not all(isinstance(one, type) for one in types or ()):
        raise refusal(f"retryable_error_types is a list of exception classes, not {types!r}.")


def create_retry_strategy(config: RetryStrategyConfig | None = None) -> RetryStrategy:
    """A strategy whose delays grow exponentially.

        StepConfig(create_retry_strategy(RetryStrategyConfig(max_attempts=8)))

    Three attempts unless the config says otherwise.
    """
    chosen = config or RetryStrategyConfig()
    if not hasattr(chosen, "backoff_rate"):
        raise refusal(f"create_retry_strategy takes a RetryStrategyConfig, not {config!r}.")

    def delay_seconds(attempts_made: int) -> float:
        return float(chosen.initial_delay.seconds * chosen.backoff_rate ** (attempts_made - 1))

    return _strategy(chosen, delay_seconds)


def create_linear_retry_strategy(config: LinearRetryStrategyConfig | None = None) -> RetryStrategy:
    """A strategy whose delays grow by the same amount each time: six attempts unless the config
    says otherwise."""
    chosen = config or LinearRetryStrategyConfig()
    if not hasattr(chosen, "increment"):
        raise refusal(
            f"create_linear_retry_strategy takes a LinearRetryStrategyConfig, not {config!r}."
        )

    def delay_seconds(attempts_made: int) -> float:
        return chosen.initial_delay.seconds + chosen.increment.seconds * (attempts_made - 1)

    return _strategy(chosen, delay_seconds)


def _strategy(
    config: RetryStrategyConfig | LinearRetryStrategyConfig,
    delay_seconds: Callable[[int], float],
) -> RetryStrategy:
    def decide(error: Exception, attempts_made: int) -> RetryDecision:
        if attempts_made >= config.max_attempts or not _is_retryable(error, config):
            return RetryDecision.no_retry()
        return RetryDecision.retry(next_delay(config, lambda: delay_seconds(attempts_made)))

    return decide


def _is_retryable(
    error: Exception, config: RetryStrategyConfig | LinearRetryStrategyConfig
) -> bool:
    texts, types = config.retryable_errors, config.retryable_error_types
    if texts is None and types is None:
        return True
    text = str(error)
    return isinstance(error, tuple(types or ())) or any(
        wanted in text if isinstance(wanted, str) else wanted.search(text) for wanted in texts or ()
    )


class RetryPresets:
    """Ready-made strategies."""

    @classmethod
    def none(cls) -> RetryStrategy:
        """One attempt."""
        return create_retry_strategy(RetryStrategyConfig(max_attempts=1))

    @classmethod
    def default(cls) -> RetryStrategy:
        """Six attempts within minutes; what a step without a strategy has."""
        return create_retry_strategy(
            RetryStrategyConfig(max_attempts=6, max_delay=Duration.from_minutes(1))
        )

    @classmethod
    def transient(cls) -> RetryStrategy:
        """Three attempts, for errors that pass."""
        return create_retry_strategy(RetryStrategyConfig(jitter_strategy=JitterStrategy.HALF))

    @classmethod
    def resource_availability(cls) -> RetryStrategy:
        """Five attempts with longer pauses, for something that has to come up."""
        return create_retry_strategy(RetryStrategyConfig(max_attempts=5))

    @classmethod
    def critical(cls) -> RetryStrategy:
        """Ten attempts that begin after a second, without jitter."""
        return create_retry_strategy(
            RetryStrategyConfig(
                max_attempts=10,
                initial_delay=Duration(1),
                max_delay=Duration.from_minutes(1),
                backoff_rate=1.5,
                jitter_strategy=JitterStrategy.NONE,
            )
        )

    @classmethod
    def linear(cls) -> RetryStrategy:
        """Six attempts, 1, 2, 3, 4 and 5 seconds apart."""
        return create_linear_retry_strategy(
            LinearRetryStrategyConfig(jitter_strategy=JitterStrategy.NONE)
        )

    @classmethod
    def fixed(cls, interval: Duration | None = None) -> RetryStrategy:
        """Five attempts, always `interval` apart: 5 seconds if None."""
        delay = interval if interval is not None else _FIVE_SECONDS
        return create_retry_strategy(
            RetryStrategyConfig(
                max_attempts=5,
                initial_delay=delay,
                max_delay=delay,
                backoff_rate=1,
                jitter_strategy=JitterStrategy.NONE,
            )
        )


@dataclass(frozen=True)
class WithRetryConfig(Generic[T]):
    """How `with_retry` tries again.

    Args:
        retry_strategy: `create_retry_strategy()` if None.
        wrap_with_run_in_child_context: Run it in a child context; what fails for good is a
            ChildContextError then.
        child_context_config: Of that context.
    """

    retry_strategy: RetryStrategy | None = None
    wrap_with_run_in_child_context: bool = True
    child_context_config: ChildConfig[T] | None = None

    def __post_init__(self) -> None:
        check_strategy(self.retry_strategy)


@overload
def with_retry(
    context: DurableContext,
    func: Callable[[DurableContext, int], T],
    config: WithRetryConfig[T],
    name: str | None = None,
) -> T: ...


@overload
def with_retry(
    context: AsyncDurableContext,
    func: Callable[[AsyncDurableContext, int], Awaitable[T]],
    config: WithRetryConfig[T],
    name: str | None = None,
) -> Awaitable[T]: ...


def with_retry(
    context: Any, func: Any, config: WithRetryConfig[Any], name: str | None = None
) -> Any:
    """Run a function of several operations, and run all of it again when it fails.

        with_retry(context, book_room, WithRetryConfig(RetryPresets.transient()), name="booking")

    To be awaited in an asynchronous handler.

    Args:
        context: Where its operations stand.
        func: Called with a context and the number of the attempt, from 1.
        config: When it is tried again.
        name: What the history calls it; between attempts there is a wait named
            `{name}-backoff-{attempt}`.
    """
    from perdure.core.decisions import retry_decision
    from perdure.core.effects import Call

    asker = f"with_retry {name!r}" if name else "with_retry"
    if not hasattr(config, "retry_strategy"):
        raise refusal(
            f"{asker} takes a WithRetryConfig, such as WithRetryConfig(), not {config!r}."
        )
    check_function(f"What {asker} runs", func, "a function of a context and an attempt")
    strategy = config.retry_strategy or create_retry_strategy()

    def attempts(inner: Any) -> Generator[Any, Any, Any]:
        attempt = 0
        while True:
            attempt += 1
            try:
                return (yield Call(func, (inner, attempt), inside=inner.scope))
            except Exception as error:
                decision = yield from retry_decision(asker, strategy, error, attempt)
                if not decision.should_retry:
                    raise
            wait_name = f"{name}-backoff-{attempt}" if name else None
            delay = Duration(max(1, decision.delay.seconds))
            yield from inner.wait_program(delay, wait_name)

    if not config.wrap_with_run_in_child_context:
        return context.run(attempts(context))
    return context.run(context.child_program(attempts, name, config.child_context_config))
