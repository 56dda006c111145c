"""The watch: once a second, and whenever another replica says "look", see what is to be done."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from perdure_service.application.closings import Closings
from perdure_service.application.end_invocation import EndInvocation
from perdure_service.application.waits import set_or_late
from perdure_service.domain.decide_invocation import Failed
from perdure_service.domain.errors import DomainError, Unavailable
from perdure_service.domain.execution import FailureKind
from perdure_service.domain.ids import ExecutionId, FunctionVersionId, InvocationId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.operations import ErrorObject
from perdure_service.ports.clock import Clock
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.look import Look, LookRequest, Sighting
from perdure_service.ports.workers import Claimed, Heard
from perdure_service.scheduler.notices import Notices
from perdure_service.scheduler.timers import HORIZON_SECONDS, Timers

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
_AGAIN_SECONDS = 0.05
_UPCOMING_EVERY_SECONDS = HORIZON_SECONDS / 2
_COMPARE_EVERY_SECONDS = 4.0


class Workforce(Protocol):
    """The workers of this replica, as the watch needs to know them."""

    def alive(self) -> list[Heard]: ...

    def served_functions(self) -> frozenset[str]: ...

    def served_runtimes(self) -> frozenset[str]: ...

    def forget(self, invocation_id: InvocationId) -> None: ...

    def compare(self, claims: Sequence[Claimed]) -> None:
        """Put back what is claimed for one of these workers that does not have it: its delivery
        failed, or nobody knew that the claim was committed."""
        ...


class ReadyQueue(Protocol):
    """What hands out invocations, as the watch needs to know it."""

    def look_offers(self, version_id: FunctionVersionId, id_: ExecutionId) -> None: ...

    def look_is_over(self, left_out: Collection[FunctionVersionId]) -> None:
        """Of these more are ready than were offered: it nudges the watch when it wants them."""
        ...


@dataclass(eq=False)
class Watch:
    """Runs the look and hands out what it found. Ends leases only after this replica has seen
    Postgres and its own workers for one full lease: an outage re-invokes nobody."""

    look: Look
    clock: Clock
    timers: Timers
    notices: Notices
    closings: Closings
    end: EndInvocation
    catalogue: FunctionCatalogue
    workforces: Sequence[Workforce]
    queue: ReadyQueue
    letters_are_due: Callable[[], None]
    lease_seconds: int

    def __post_init__(self) -> None:
        self._nudged = asyncio.Event()
        self._steady_since: float | None = None
        self._upcoming_until = Instant(0)
        self._compared_at = Instant(0)
        self.last_success: float | None = None

    def nudge(self) -> None:
        """Look now: another replica has something for this one."""
        self._nudged.set()

    def look_again_soon(self) -> None:
        """What the last look left out is wanted now."""
        asyncio.get_running_loop().call_later(_AGAIN_SECONDS, self.nudge)

    async def run(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            begun = loop.time()
            try:
                full = await self._look_once()
                self._steady_since = self._steady_since or begun
                self.last_success = loop.time()
            except Unavailable as error:
                logger.warning("the look found no database: %s", error)
                self._steady_since = None
                full = False
            except Exception:
                logger.exception("the look failed")
                full = False
            await set_or_late(self._nudged, _AGAIN_SECONDS if full else LOOK_SECONDS)
            self._nudged.clear()

    async def _look_once(self) -> bool:
        now = self.clock.now()
        upcoming_from = max(now, self._upcoming_until)
        upcoming_to = upcoming_from
        if upcoming_from < after(now, _UPCOMING_EVERY_SECONDS):
            upcoming_to = after(now, HORIZON_SECONDS)
        claimed_before = Instant(0)
        if now >= after(self._compared_at, _COMPARE_EVERY_SECONDS):
            claimed_before = after(now, -self.lease_seconds)
        found = await self.look(
            LookRequest(
                now=now,
                workers=[heard for force in self.workforces for heard in force.alive()],
                served=sorted(
                    {name for force in self.workforces for name in force.served_functions()}
                ),
                runtimes=sorted(
                    {name for force in self.workforces for name in force.served_runtimes()}
                ),
                awaited=self.closings.awaited,
                upcoming_from=upcoming_from,
                upcoming_to=upcoming_to,
                lease_seconds=self.lease_seconds,
                may_end_leases=self._may_end_leases(),
                claimed_before=claimed_before,
            )
        )
        self._upcoming_until = upcoming_to
        if claimed_before:
            self._compared_at = now
        await self._hand_out(found)
        return found.is_full

    async def _hand_out(self, found: Sighting) -> None:
        self.timers.add(found.upcoming)
        await self.timers.fire(found.overdue)
        # One that was served by name when it was last read may have been deployed for a pool.
        await self.catalogue.refresh({ready.function_version_id for ready in found.ready})
        for ready in found.ready:
            self.queue.look_offers(ready.function_version_id, ready.execution_id)
        self.queue.look_is_over(found.left_out)
        for id_ in found.closed:
            self.closings.closed_elsewhere(id_)
        self.notices.deliver(found.notices)
        if found.letters_are_due:
            self.letters_are_due()
        for force in self.workforces:
            force.compare(found.claimed)
        for id_, invocation_id in found.lost:
            await self._end_lease(id_, invocation_id)

    def _may_end_leases(self) -> bool:
        if self._steady_since is None:
            return False
        return asyncio.get_running_loop().time() - self._steady_since > self.lease_seconds

    async def _end_lease(self, id_: ExecutionId, invocation_id: InvocationId) -> None:
        text = f"RequestId: {invocation_id} Error: the worker has not been heard of for a lease"
        error = ErrorObject(type="Runtime.ExitError", message=text)
        try:
            await self.end(id_, invocation_id, Failed(FailureKind.CRASH, error))
            for force in self.workforces:
                force.forget(invocation_id)
        except DomainError as refusal:
            logger.warning("the lease of %s could not be ended: %s", invocation_id, refusal)
