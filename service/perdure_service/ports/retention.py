"""What has ended and may go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import Instant


@frozen
class Purged:
    """One pass: the executions that are gone. `is_more`: others are due too, or wait until a notice
    of theirs is delivered; `next_at` is when the next one is due, if any is."""

    ids: Sequence[ExecutionId]
    is_more: bool
    next_at: Instant | None


class Graveyard(Protocol):
    async def purge(self, now: Instant) -> Purged:
        """Delete some executions whose time had come by `now`, each with all that belongs to it or
        not at all. Those that another replica is at work on are left to it, and so is one whose
        parent has not heard yet how it ended. Raises Unavailable."""
        ...
