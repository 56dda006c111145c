"""A clock that stands still until a test moves it."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.domain.instant import Instant, after
from tests.support.executions import EPOCH


@dataclass
class HandClock:
    """Implements `ports.clock.Clock`."""

    at: Instant = EPOCH
    doubt_seconds: float = 0.0

    def now(self) -> Instant:
        return self.at

    def pass_by(self, seconds: float) -> None:
        self.at = after(self.at, seconds)
