"""The workers that speak to this replica."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Protocol

from perdure_service.domain.decide_invocation import Failed, Returned
from perdure_service.domain.execution import Identity
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId


@frozen
class Pool:
    """A runtime that a worker runs deployed code with. `interpreter` is for people to read."""

    runtime: str
    interpreter: str


@frozen
class WorkerCard:
    """Who a worker is and what it serves: any version of these functions that was not deployed, and
    whatever was deployed for the runtime of a pool, `pool_concurrency` invocations of each function
    at a time."""

    id: WorkerId
    host: str
    pid: int
    function_names: tuple[str, ...]
    pools: tuple[Pool, ...] = ()
    pool_concurrency: int = 0

    @property
    def runtimes(self) -> frozenset[str]:
        return frozenset(pool.runtime for pool in self.pools)


@frozen
class PoolFree:
    """Free slots of a worker's pools: over all functions, and for those that hold some by name."""

    total: int = 0
    functions: Mapping[str, int] = field(default_factory=dict, hash=False)


@frozen
class Heard:
    """A worker of this replica, and how long ago it gave a sign of life."""

    card: WorkerCard
    seconds_ago: float


@frozen
class Claimed:
    """What the tables say: this worker has that invocation."""

    execution_id: ExecutionId
    invocation_id: InvocationId
    worker_id: WorkerId


@frozen
class Handed:
    """One invocation on its way to a worker; `payload` goes to the runtime byte for byte. With
    `log_tail`, a caller waits for the end of its log."""

    invocation_id: InvocationId
    identity: Identity
    version: FunctionVersion
    payload: bytes
    log_tail: bool = False


@frozen
class Ended:
    """A worker's word on how an invocation ended."""

    invocation_id: InvocationId
    outcome: Returned | Failed


class WorkerSessions(Protocol):
    """The worker protocol. Methods raise ResourceNotFound for a worker that is not registered
    here (after a restart, say): it registers again and goes on."""

    @property
    def lease_seconds(self) -> int: ...

    @property
    def heartbeat_seconds(self) -> int: ...

    async def register(
        self, card: WorkerCard, held: Sequence[InvocationId], arrived_at: float
    ) -> None:
        """Know the worker, or know it again. What was claimed for it and is not in `held` goes
        back to the queue, unless it was handed out since the registration arrived, by the event
        loop's clock."""
        ...

    async def poll(
        self,
        worker_id: WorkerId,
        free: Mapping[str, int],
        pool_free: PoolFree,
        confirmed: Sequence[InvocationId],
        results: Sequence[Ended],
        wait_seconds: float,
    ) -> list[Handed]:
        """Work for the free slots (by function name, and of the pools), at the latest after
        `wait_seconds`, then perhaps none. `confirmed` are invocations of the last answer that
        arrived. A second poll of a worker ends the first, empty.

        `results` are recorded as by `finish`, all of them by the time of the answer; their slots
        count as free already. Raises Unavailable if one could not be: the worker repeats all."""
        ...

    def heartbeat(self, worker_id: WorkerId, held: Sequence[InvocationId]) -> None:
        """The worker lives. What it was given long ago and is not in `held` goes back to the queue:
        the worker lost it, or gave up reporting its end."""
        ...

    async def finish(
        self,
        worker_id: WorkerId,
        invocation_id: InvocationId,
        outcome: Returned | Failed,
        log_tail: bytes | None = None,
    ) -> None:
        """An invocation ended. One that is unknown or superseded is dropped silently. Raises
        Unavailable if it could not be recorded: the worker repeats it."""
        ...

    async def died(self, worker_id: WorkerId) -> None:
        """The worker, of any replica, is gone without a word: somebody saw the end of its process.
        Each invocation that it had ends as a crash."""
        ...

    async def leave(self, worker_id: WorkerId) -> None:
        """The worker has drained and goes."""
        ...
