"""The time of the whole service, not of one replica."""

from __future__ import annotations

from typing import Protocol

from perdure_service.domain.instant import Instant


class Clock(Protocol):
    """A monotonic clock set against Postgres."""

    def now(self) -> Instant: ...

    @property
    def doubt_seconds(self) -> float:
        """How far `now` may be off."""
        ...
