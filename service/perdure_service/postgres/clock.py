"""The one adapter that reads clocks: the monotonic clock, set against Postgres."""

from __future__ import annotations

import time
from collections import deque

from perdure_service.domain.instant import MICROSECONDS, Instant

_SAMPLES = 30


class PostgresClock:
    """Postgres' time, carried forward by this machine's monotonic clock.

    Each sample is a reading of Postgres' clock with the monotonic time before and after it: the
    truth lies between, so the sample with the shortest round trip is the best. Nothing due and no
    lease is ever compared with this machine's own wall clock.
    """

    def __init__(self) -> None:
        self._samples: deque[tuple[float, float]] = deque(maxlen=_SAMPLES)
        self._offset_seconds = 0.0
        self._doubt_seconds = float("inf")
        self._latest = 0

    def sample(self, before_seconds: float, postgres_now: Instant, after_seconds: float) -> None:
        """Take one reading; `before` and `after` are `monotonic_seconds` around it."""
        round_trip = after_seconds - before_seconds
        middle = before_seconds + round_trip / 2
        self._samples.append((round_trip / 2, postgres_now / MICROSECONDS - middle))
        self._doubt_seconds, self._offset_seconds = min(self._samples)

    def now(self) -> Instant:
        """Never goes back."""
        read = int((time.monotonic() + self._offset_seconds) * MICROSECONDS)
        self._latest = max(self._latest, read)
        return Instant(self._latest)

    @property
    def doubt_seconds(self) -> float:
        return self._doubt_seconds


def monotonic_seconds() -> float:
    return time.monotonic()
