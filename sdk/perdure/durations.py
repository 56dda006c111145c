"""Spans of time, in whole seconds, and how they are spread. Handlers import them from
perdure.config."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from enum import StrEnum

from perdure.arguments import refusal


@dataclass(frozen=True, slots=True)
class Duration:
    """A time span in whole seconds.

        context.wait(Duration.from_hours(1.5))

    Fractions of a second are cut off. Raises ValidationError below zero.
    """

    seconds: int = 0

    def __post_init__(self) -> None:
        if type(self.seconds) is not int:
            object.__setattr__(self, "seconds", _whole(self.seconds, 1))
        if self.seconds < 0:
            raise refusal(f"A duration cannot be negative: {self.seconds} seconds.")

    def to_seconds(self) -> int:
        """Whole seconds."""
        return self.seconds

    @classmethod
    def from_seconds(cls, value: float) -> Duration:
        """Of so many seconds."""
        return cls(_whole(value, 1))

    @classmethod
    def from_minutes(cls, value: float) -> Duration:
        """Of so many minutes."""
        return cls(_whole(value, 60))

    @classmethod
    def from_hours(cls, value: float) -> Duration:
        """Of so many hours."""
        return cls(_whole(value, 3_600))

    @classmethod
    def from_days(cls, value: float) -> Duration:
        """Of so many days."""
        return cls(_whole(value, 86_400))


def _whole(value: float, unit_seconds: int) -> int:
    if not isinstance(value, int | float):
        raise refusal(f"A duration is made of a number, such as Duration(5), not of {value!r}.")
    if not math.isfinite(value):
        raise refusal(f"A duration has an end, and {value} has none.")
    return int(value * unit_seconds)


class JitterStrategy(StrEnum):
    """How a delay is spread: not at all, from zero to the delay, or from half of it."""

    NONE = "NONE"
    FULL = "FULL"
    HALF = "HALF"

    def apply_jitter(self, delay: float) -> float:
        """The delay, spread."""
        if self is JitterStrategy.NONE:
            return delay
        least = 0.5 if self is JitterStrategy.HALF else 0.0
        return delay * (least + random.random() * (1 - least))  # noqa: S311  it spreads load

    def finalize_delay(self, base_delay: float) -> int:
        """Whole seconds, rounded up, at least one."""
        return max(1, math.ceil(self.apply_jitter(base_delay)))


for _public in (Duration, JitterStrategy):
    _public.__module__ = "perdure.config"  # as handlers import them: pickles and messages name it
