"""Time as the domain sees it: whole microseconds since the Unix epoch."""

from __future__ import annotations

from typing import NewType

Instant = NewType("Instant", int)

MICROSECONDS = 1_000_000
NEVER = Instant(2**62)


def after(instant: Instant, seconds: float) -> Instant:
    """`seconds` later than `instant`."""
    return Instant(instant + round(seconds * MICROSECONDS))


def epoch_seconds(instant: Instant) -> float:
    """Seconds since the epoch, fractions kept: the form of Lambda's API answers."""
    return instant / MICROSECONDS


def epoch_milliseconds(instant: Instant) -> int:
    """Whole milliseconds, rounded up: an SDK that is shown a time before the real due time
    loops on empty checkpoints, so a due time is never given early."""
    return -(-instant // 1000)
