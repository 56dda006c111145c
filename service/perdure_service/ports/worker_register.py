"""Who works for this installation, on whatever replica."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import WorkerId
from perdure_service.domain.instant import Instant
from perdure_service.ports.workers import WorkerCard


@frozen
class RegisteredWorker:
    """`seen_at` is at most a second behind what its replica knows; `running` are the invocations
    that are claimed for it."""

    card: WorkerCard
    registered_at: Instant
    seen_at: Instant
    running: int


class WorkerRegister(Protocol):
    """All methods raise Unavailable while Postgres cannot be reached."""

    async def enter(self, card: WorkerCard) -> None:
        """The worker lives, and serves what its card says. Forgets those that were not seen for a
        week."""
        ...

    async def cross_out(self, id_: WorkerId) -> None:
        """The worker went of its own accord."""
        ...

    async def present(self, since: Instant, *, limit: int) -> Sequence[RegisteredWorker]:
        """Those seen since then that have not left, the longest registered first."""
        ...

    async def runtimes(self, since: Instant) -> frozenset[str]:
        """The runtimes of the pools of all workers seen since then, also of those that left."""
        ...
