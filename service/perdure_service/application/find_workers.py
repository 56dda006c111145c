"""The workers of this installation, for people to see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_service.domain.instant import after
from perdure_service.ports.clock import Clock
from perdure_service.ports.worker_register import RegisteredWorker, WorkerRegister

_MOST_SHOWN = 1_000


@dataclass(frozen=True, slots=True)
class FindWorkers:
    register: WorkerRegister
    clock: Clock
    lease_seconds: int

    async def __call__(self) -> Sequence[RegisteredWorker]:
        """Those heard from within a lease, on any replica, the longest registered first, at most a
        thousand."""
        since = after(self.clock.now(), -self.lease_seconds)
        return await self.register.present(since, limit=_MOST_SHOWN)
