"""Notices of closed children, delivered to their parents."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from perdure_service.application.hear_child import HearChild
from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.domain.errors import ResourceNotFound, Unavailable
from perdure_service.domain.execution import ParentLink
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.log import Commit

logger = logging.getLogger(__name__)


class Notices:
    """Delivers a notice as soon as it is committed here; the look finds those left by others."""

    def __init__(self, hear: HearChild) -> None:
        self._hear = hear
        self._under_way: set[ParentLink] = set()
        self._tasks = OwnedTasks()

    def observe(self, commit: Commit) -> None:
        if commit.effects.notice is not None:
            self.deliver([(commit.effects.notice, commit.after.id)])

    def deliver(self, notices: Iterable[tuple[ParentLink, ExecutionId]]) -> None:
        for parent, child_id in notices:
            if parent not in self._under_way:
                self._under_way.add(parent)
                self._tasks.start(self._deliver(parent, child_id))

    async def close(self) -> None:
        await self._tasks.close()

    async def _deliver(self, parent: ParentLink, child_id: ExecutionId) -> None:
        try:
            await self._hear(parent, child_id)
        except (ResourceNotFound, Unavailable) as error:
            logger.warning("the notice of %s waits for the next look: %s", child_id, error)
        except Exception:
            logger.exception("the notice of %s could not be delivered", child_id)
        finally:
            self._under_way.discard(parent)
