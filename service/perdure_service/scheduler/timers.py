"""Timers that come due soon, in memory, fired on time."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Iterable
from functools import partial

from perdure_service.application.waits import set_or_late
from perdure_service.domain.decide_time import decide_tick
from perdure_service.domain.errors import ResourceNotFound, Unavailable
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import MICROSECONDS, Instant, after
from perdure_service.ports.clock import Clock
from perdure_service.ports.log import Commit, ExecutionLog, Outcome

logger = logging.getLogger(__name__)

HORIZON_SECONDS = 60
_MAX_FIRING = 2_048


class Timers:
    """The replica that armed a timer fires it. The heap holds hints: a timer that was moved or
    disarmed finds nothing due, and one that this replica never knew is found overdue by the look.
    """

    def __init__(self, log: ExecutionLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._heap: list[tuple[Instant, ExecutionId]] = []
        self._sooner = asyncio.Event()
        self._firing: set[ExecutionId] = set()
        self._room = asyncio.Semaphore(_MAX_FIRING)

    def observe(self, commit: Commit) -> None:
        """Follow what this replica arms. What is further away than the horizon comes back through
        the look when it is near."""
        horizon = after(self._clock.now(), HORIZON_SECONDS)
        for timer in commit.effects.timers_set:
            if timer.due_at <= horizon:
                self._push(timer.due_at, commit.after.id)

    def add(self, timers: Iterable[tuple[Instant, ExecutionId]]) -> None:
        """Know these timers too. One that is known already fires once all the same."""
        timers = list(timers)
        known = set(self._heap) if timers else set()
        for due_at, id_ in timers:
            if (due_at, id_) not in known:
                self._push(due_at, id_)

    async def fire(self, ids: Iterable[ExecutionId]) -> None:
        """Let what is due in these executions happen, in the background; at most a bounded number
        at once."""
        fresh = [id_ for id_ in dict.fromkeys(ids) if id_ not in self._firing]
        try:
            await self._log.warm(fresh)
        except Unavailable as error:
            logger.warning("timers wait: %s", error)
            return
        for id_ in fresh:
            await self._room.acquire()
            try:
                tick = self._log.submit_due(id_, decide_tick)
            except Unavailable as error:
                self._room.release()
                logger.warning("timers wait for the next look: %s", error)
                return
            self._firing.add(id_)
            tick.add_done_callback(partial(self._fired, id_))

    async def run(self) -> None:
        while True:
            await self._sleep()
            now = self._clock.now()
            due: list[ExecutionId] = []
            while self._heap and self._heap[0][0] <= now and len(due) < _MAX_FIRING:
                due.append(heapq.heappop(self._heap)[1])
            if due:
                await self.fire(due)

    def _push(self, due_at: Instant, id_: ExecutionId) -> None:
        heapq.heappush(self._heap, (due_at, id_))
        if self._heap[0][0] == due_at:
            self._sooner.set()

    async def _sleep(self) -> None:
        """Until the first timer is due, or a sooner one is armed."""
        self._sooner.clear()
        wait_seconds: float | None = None
        if self._heap:
            wait_seconds = (self._heap[0][0] - self._clock.now()) / MICROSECONDS
            if wait_seconds <= 0:
                return
        await set_or_late(self._sooner, wait_seconds)

    def _fired(self, id_: ExecutionId, tick: asyncio.Future[Outcome[None]]) -> None:
        self._firing.discard(id_)
        self._room.release()
        if tick.cancelled():
            return
        match tick.exception():
            case None | ResourceNotFound():
                pass
            case Unavailable() as error:
                logger.warning("a timer of %s waits for the next look: %s", id_, error)
            case error:
                logger.error("a timer of %s failed", id_, exc_info=error)
