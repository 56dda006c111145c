"""What both lanes need around a commit: the moment, a free worker, and who must be told."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perdure_service.application.randomness import random_bits
from perdure_service.domain.decide_invocation import Delivery, decide_claim
from perdure_service.domain.decision import Decision, Moment
from perdure_service.domain.execution import Execution, Queued
from perdure_service.ports.clock import Clock
from perdure_service.ports.dispatch import Dispatch, NoDispatch
from perdure_service.ports.log import Commit, CommitObserver
from perdure_service.postgres.cache import ExecutionCache
from perdure_service.postgres.function_limits import PostgresLimits
from perdure_service.postgres.rows import Change

logger = logging.getLogger(__name__)

UNKNOWN = "The write may or may not have been committed. Repeat the same request."
GOING = "The service is shutting down. Repeat the same request."
MAX_BATCH_ROWS = 256
MAX_BATCH_BYTES = 8 * 1_048_576
MAX_WAITING = 20_000


class MustBeCounted(Exception):
    """A claim that was not counted found that its function has a limit. Nothing was written."""


@dataclass(eq=False, slots=True)
class CommitContext:
    clock: Clock
    cache: ExecutionCache
    limits: PostgresLimits
    dispatch: Dispatch = NoDispatch()
    observers: Sequence[CommitObserver] = ()

    def moment(self) -> Moment:
        return Moment(self.clock.now(), random_bits(63))

    def claim(
        self, queued: Execution, *, counted: bool = False
    ) -> Decision[Delivery | None] | None:
        """Claim the invocation of `queued` for a worker that waits for just this, to be committed
        with what queued it. None if nothing is queued and ready, no slot is free, or what runs of
        the function has to be counted first."""
        invocation = queued.ledger.invocation
        if not isinstance(invocation, Queued):
            return None
        if not counted and self.limits.of(queued.identity.function_name) is not None:
            return None
        moment = self.moment()
        if invocation.ready_at > queued.effective_now(moment.clock):
            return None
        claim = self.dispatch.reserve(queued.identity.function_version_id)
        if claim is None:
            return None
        decision = decide_claim(queued, claim, moment)
        if decision.answer is None:
            self.dispatch.release(claim)
            return decision if decision.changes else None
        return decision

    async def limit_was_overlooked(self, function_name: str) -> bool:
        """Why a claim may have lost that was not counted. Raises Unavailable."""
        await self.limits.look()
        return self.limits.of(function_name) is not None

    def won(self, change: Change, delivery: Delivery | None) -> None:
        """The change is committed: remember it, hand the invocation over."""
        self.cache.put(change.after)
        if delivery is not None:
            self.dispatch.deliver(change.after, delivery)

    def give_back(self, delivery: Delivery | None) -> None:
        """The change did not commit: free the slot that was reserved for it."""
        if delivery is not None:
            self.dispatch.release(delivery.claim)

    def announce_soon(self, changes: Iterable[Change]) -> None:
        """`announce` each, when those have gone on who wait for the commit."""
        call_soon = asyncio.get_running_loop().call_soon
        for change in changes:
            call_soon(self.announce, change)

    def announce(self, change: Change) -> None:
        """Tell the observers, of the children too."""
        commit = Commit(change.before, change.after, change.events, change.effects)
        for observer in self.observers:
            try:
                observer(commit)
            except Exception:
                logger.exception("an observer of commits failed")
        for child in change.children:
            self.cache.put(child.after)
            self.announce(child)
