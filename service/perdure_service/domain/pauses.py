"""A pause: first asked for, then holding."""

from __future__ import annotations

from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant


@frozen
class Pausing:
    """A pause that was asked for. `reason` is the caller's, byte for byte. With
    `execution_timeout_paused` the time that it is paused does not count."""

    requested_at: Instant
    execution_timeout_paused: bool = True
    reason: str | None = None


@frozen
class Pause:
    """A pause that holds since `began_at`."""

    began_at: Instant
    asked: Pausing
