"""Executions of versions that were deleted are failed, even if no worker ever asks for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from perdure_service.application.waits import set_or_late
from perdure_service.domain.decide_deleted import decide_version_deleted
from perdure_service.domain.errors import ResourceNotFound, Unavailable
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import MICROSECONDS
from perdure_service.ports.clock import Clock
from perdure_service.ports.deletions import Deletion, Deletions
from perdure_service.ports.log import ExecutionLog, Outcome

logger = logging.getLogger(__name__)

LOOK_SECONDS = 300.0
_AGAIN_SECONDS = 2.0
_AT_ONCE = 100
_SETTLED_AFTER_SECONDS = 10
"""Until then another replica may start an execution of a version that it remembers."""


class FailDeleted:
    """At once when this replica deletes a version; what a replica that died has left is found
    at its next start, or by another within five minutes. Any number of replicas may run it: each
    failure is a fenced append."""

    def __init__(self, deletions: Deletions, log: ExecutionLog, clock: Clock) -> None:
        self._deletions = deletions
        self._log = log
        self._clock = clock
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """A version was deleted."""
        self._asked.set()

    async def run(self) -> None:
        while True:
            self._asked.clear()
            wait_seconds = await self.work_off()
            await set_or_late(self._asked, wait_seconds)

    async def work_off(self) -> float:
        """Once; how many seconds to wait for the next time."""
        deletion: Deletion | None = None
        try:
            while found := await self._deletions.find(deletion):
                for deletion in found:
                    await self._fail_open(deletion)
        except Unavailable as error:
            logger.warning("executions of deleted functions wait: %s", error)
            return _AGAIN_SECONDS
        except Exception:
            logger.exception("failing executions of deleted functions failed")
            return LOOK_SECONDS
        return LOOK_SECONDS if deletion is None else _AGAIN_SECONDS

    async def _fail_open(self, deletion: Deletion) -> None:
        is_old = self._clock.now() - deletion.deleted_at > _SETTLED_AFTER_SECONDS * MICROSECONDS
        failed = await self._fail_invoked(deletion) + await self._fail_durable(deletion)
        if failed:
            logger.info("failed %d executions of deleted %s", failed, deletion.function_name)
        elif is_old:
            await self._deletions.settle(deletion)

    async def _fail_invoked(self, deletion: Deletion) -> int:
        failed, ids = 0, await self._deletions.invoked(deletion, None)
        while ids:
            failed += await self._fail(ids)
            ids = await self._deletions.invoked(deletion, ids[-1])
        return failed

    async def _fail_durable(self, deletion: Deletion) -> int:
        stretch = await self._deletions.durable(deletion, None)
        failed = await self._fail(stretch.open_ids)
        while stretch.next_position is not None:
            stretch = await self._deletions.durable(deletion, stretch.next_position)
            failed += await self._fail(stretch.open_ids)
        return failed

    async def _fail(self, ids: Sequence[ExecutionId]) -> int:
        """How many were open, those included that could not be failed. Raises Unavailable."""
        failed = 0
        for first in range(0, len(ids), _AT_ONCE):
            some = ids[first : first + _AT_ONCE]
            await self._log.warm(some)
            commits = [self._log.commit(id_, decide_version_deleted) for id_ in some]
            for outcome in await asyncio.gather(*commits, return_exceptions=True):
                match outcome:
                    case Outcome(answer=was_open):
                        failed += was_open
                    case ResourceNotFound():
                        pass
                    case Unavailable():
                        raise outcome
                    case _:
                        logger.error("an execution could not be failed", exc_info=outcome)
                        failed += 1
        return failed
