"""How a condition is polled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from perdure.arguments import check_duration, check_function, check_serdes, refusal
from perdure.config import Numeric
from perdure.delays import GrowingDelays, check_delays, next_delay
from perdure.durations import Duration, JitterStrategy
from perdure.exceptions import WaitForConditionError
from perdure.serdes import SerDes

T = TypeVar("T")


@dataclass(slots=True)
class WaitStrategyConfig(GrowingDelays, Generic[T]):
    """Checks whose delays are multiplied by `backoff_rate`, for `create_wait_strategy`.

        create_wait_strategy(WaitStrategyConfig(lambda state: state != "done"))

    Args:
        should_continue_polling: Told the state, whether to check again.
        max_attempts: After so many checks that did not do, WaitForConditionError is raised.
        initial_delay: After the first check.
        max_delay: No delay is longer.
        backoff_rate: What each delay is multiplied by to make the next.
        jitter_strategy: How delays are spread.
    """

    should_continue_polling: Callable[[T], bool]
    max_attempts: int = 60
    initial_delay: Duration = Duration(5)
    max_delay: Duration = Duration(300)
    backoff_rate: Numeric = 1.5
    jitter_strategy: JitterStrategy = JitterStrategy.FULL

    def __post_init__(self) -> None:
        check_function(
            "should_continue_polling", self.should_continue_polling, "a function of the state"
        )
        check_delays(self)


@dataclass(frozen=True, slots=True)
class WaitForConditionDecision:
    """What a wait strategy answers; a delay below a second is a second."""

    should_continue: bool
    delay: Duration

    def __post_init__(self) -> None:
        check_duration("The delay of a WaitForConditionDecision", self.delay)

    @property
    def delay_seconds(self) -> int:
        return self.delay.seconds

    @classmethod
    def continue_waiting(cls, delay: Duration) -> WaitForConditionDecision:
        """Check again after `delay`."""
        return cls(should_continue=True, delay=delay)

    @classmethod
    def stop_polling(cls) -> WaitForConditionDecision:
        """The condition is met."""
        return cls(should_continue=False, delay=Duration())


WaitStrategy = Callable[[T, int], WaitForConditionDecision]
"""Told the state and how many checks were made."""


def create_wait_strategy(config: WaitStrategyConfig[T]) -> WaitStrategy[T]:
    """A strategy that raises WaitForConditionError when its attempts are used up.

    A condition that the last attempt meets is met.
    """

    if not hasattr(config, "should_continue_polling"):
        raise refusal(f"create_wait_strategy takes a WaitStrategyConfig, not {config!r}.")

    def decide(state: T, attempts_made: int) -> WaitForConditionDecision:
        if not config.should_continue_polling(state):
            return WaitForConditionDecision.stop_polling()
        if attempts_made >= config.max_attempts:
            raise WaitForConditionError(
                f"wait_for_condition exhausted {config.max_attempts} attempts "
                "before the condition was met"
            )
        delay = next_delay(
            config,
            lambda: config.initial_delay.seconds * config.backoff_rate ** (attempts_made - 1),
        )
        return WaitForConditionDecision.continue_waiting(delay)

    return decide


@dataclass(frozen=True)
class WaitForConditionConfig(Generic[T]):
    """What a condition is checked with.

    Args:
        wait_strategy: Told the state after each check; says whether to go on.
        initial_state: What the first check is told, as it looks after serialisation.
        serdes: Writes the state down between checks.
    """

    wait_strategy: WaitStrategy[T]
    initial_state: T
    serdes: SerDes[Any] | None = None

    def __post_init__(self) -> None:
        if isinstance(self.wait_strategy, WaitStrategyConfig):
            raise refusal("wait_strategy is made of a config: create_wait_strategy(config).")
        check_function(
            "wait_strategy", self.wait_strategy, "a function of the state and the attempts so far"
        )
        check_serdes("serdes", self.serdes)
