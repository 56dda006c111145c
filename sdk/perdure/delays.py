"""Delays that grow from attempt to attempt, of retries and of conditions."""

from __future__ import annotations

from collections.abc import Callable

from perdure.arguments import check_choice, check_duration, check_number
from perdure.durations import Duration, JitterStrategy


class GrowingDelays:
    """What strategies that delay more each time have in common in their configuration."""

    __slots__ = ()
    max_attempts: int
    initial_delay: Duration
    max_delay: Duration
    jitter_strategy: JitterStrategy

    @property
    def initial_delay_seconds(self) -> int:
        return self.initial_delay.seconds

    @property
    def max_delay_seconds(self) -> int:
        return self.max_delay.seconds


def check_delays(config: GrowingDelays) -> None:
    """Raises ValidationError for what no delay can be made of."""
    check_number("max_attempts", config.max_attempts, 0)
    check_duration("initial_delay", config.initial_delay)
    check_duration("max_delay", config.max_delay)
    check_number("backoff_rate", getattr(config, "backoff_rate", None), 0)
    check_choice("jitter_strategy", config.jitter_strategy, JitterStrategy)


def next_delay(config: GrowingDelays, grown_seconds: Callable[[], float]) -> Duration:
    """The delay that has grown so far, within bounds and spread."""
    most = config.max_delay.seconds
    try:
        seconds = min(grown_seconds(), most)
    except OverflowError:
        seconds = most
    return Duration(config.jitter_strategy.finalize_delay(seconds))
