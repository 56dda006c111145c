"""Executions whose retention is over, or that somebody deleted, are purged."""

from __future__ import annotations

import asyncio
import logging

from perdure_service.application.waits import set_or_late
from perdure_service.domain.errors import Unavailable
from perdure_service.domain.instant import MICROSECONDS
from perdure_service.ports.clock import Clock
from perdure_service.ports.log import Commit, ExecutionLog
from perdure_service.ports.retention import Graveyard, Purged

logger = logging.getLogger(__name__)

LOOK_SECONDS = 300.0
_PAUSE_SECONDS = 1.0


class Retention:
    """Purges in bounded batches: when the next execution is due, at the latest after five minutes,
    and at once when this replica commits a deletion. Any number of replicas may run it."""

    def __init__(self, graveyard: Graveyard, log: ExecutionLog, clock: Clock) -> None:
        self._graveyard = graveyard
        self._log = log
        self._clock = clock
        self._asked = asyncio.Event()
        self._patience_seconds = _PAUSE_SECONDS

    def observe(self, commit: Commit) -> None:
        if commit.effects.given_up:
            self._asked.set()
            self._patience_seconds = _PAUSE_SECONDS

    async def run(self) -> None:
        while True:
            self._asked.clear()
            wait_seconds = await self._pass()
            await set_or_late(self._asked, wait_seconds)

    async def _pass(self) -> float:
        """Purge one batch; how many seconds to wait for the next."""
        try:
            purged = await self._graveyard.purge(self._clock.now())
        except Unavailable as error:
            logger.warning("nothing can be purged: %s", error)
            return self._longer_and_longer()
        except Exception:
            logger.exception("a purge failed")
            return self._longer_and_longer()
        self._log.forget(purged.ids)
        return self._seconds_until_next(purged)

    def _seconds_until_next(self, purged: Purged) -> float:
        if purged.is_more and not purged.ids:
            return self._longer_and_longer()  # a notice is under way, or another replica is at it
        self._patience_seconds = _PAUSE_SECONDS
        if purged.is_more:
            return 0.0
        if purged.next_at is None:
            return LOOK_SECONDS
        until_seconds = (purged.next_at - self._clock.now()) / MICROSECONDS
        return min(LOOK_SECONDS, max(_PAUSE_SECONDS, until_seconds))

    def _longer_and_longer(self) -> float:
        patience_seconds = self._patience_seconds
        self._patience_seconds = min(LOOK_SECONDS, 2 * patience_seconds)
        return patience_seconds
