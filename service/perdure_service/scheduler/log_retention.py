"""Log lines whose time is over are thrown away, and the oldest where there are too many."""

from __future__ import annotations

import asyncio
import logging

from perdure_service.application.waits import set_or_late
from perdure_service.domain.errors import Unavailable
from perdure_service.domain.limits import LogPolicy
from perdure_service.ports.clock import Clock
from perdure_service.ports.function_logs import LogGraveyard

logger = logging.getLogger(__name__)

LOOK_SECONDS = 300.0
_MUCH_BYTES = 32_000_000
_PAUSE_SECONDS = 0.5
_SHORT_PAUSE_SECONDS = 0.05
"""While a group is too large: lines must go faster than workers can write them."""
_FIRST_LOOK_SECONDS = 5.0


class LogRetention:
    """Purges in bounded batches until nothing is left to purge: every five minutes, and when much
    was written here. Any number of replicas may run it."""

    def __init__(self, graveyard: LogGraveyard, clock: Clock, policy: LogPolicy) -> None:
        self._graveyard = graveyard
        self._clock = clock
        self._policy = policy
        self._told: frozenset[str] = frozenset()
        self._asked = asyncio.Event()
        self._written_bytes = 0

    def written(self, size_bytes: int) -> None:
        """So many bytes of lines were stored."""
        self._written_bytes += size_bytes
        if self._written_bytes >= _MUCH_BYTES:
            self._asked.set()

    def wake(self) -> None:
        """Something was deleted."""
        self._asked.set()

    async def run(self) -> None:
        wait_seconds = _FIRST_LOOK_SECONDS
        while True:
            await set_or_late(self._asked, wait_seconds)
            self._asked.clear()
            wait_seconds = await self._pass()

    async def _pass(self) -> float:
        """Purge one batch; how many seconds to wait for the next."""
        policy = self._policy
        self._written_bytes = 0
        try:
            purged = await self._graveyard.purge(
                self._clock.now(),
                default_days=policy.retention_days,
                max_group_bytes=policy.max_group_bytes,
            )
        except Unavailable as error:
            logger.warning("no logs can be purged: %s", error)
            return LOOK_SECONDS
        except Exception:
            logger.exception("a purge of logs failed")
            return LOOK_SECONDS
        for name in sorted(frozenset(purged.over_size) - self._told):
            logger.warning(
                "log group %s is larger than %d MB: its oldest lines go. See --log-group-mb",
                name,
                policy.max_group_bytes // 1_000_000,
            )
        self._told = frozenset(purged.over_size)
        if not purged.is_more:
            return LOOK_SECONDS
        return _SHORT_PAUSE_SECONDS if purged.over_size else _PAUSE_SECONDS
