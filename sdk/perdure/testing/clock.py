"""The clock of a test: it stands still until it is moved."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perdure_service.domain.instant import MICROSECONDS, Instant, after

EPOCH = datetime(2100, 1, 1, tzinfo=UTC)
"""In the future: no due time of a test has come by the machine's own clock, which the SDK reads to
look after a wait that ends while something else still runs."""


class VirtualClock:
    """Whole microseconds since the Unix epoch. It never goes back."""

    def __init__(self, start_at: datetime = EPOCH) -> None:
        self.started_at = Instant(round(start_at.timestamp() * MICROSECONDS))
        self._now = self.started_at

    @property
    def now(self) -> Instant:
        return self._now

    def set(self, instant: Instant) -> None:
        """Nothing happens if that has passed."""
        self._now = max(self._now, instant)

    def move(self, seconds: float) -> None:
        if seconds < 0:
            raise ValueError(f"time does not go back: {seconds} seconds")
        self._now = after(self._now, seconds)


def as_datetime(instant: Instant) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=instant)
