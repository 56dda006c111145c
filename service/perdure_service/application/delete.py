"""DeleteDurableExecution."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.application.read import find_durable
from perdure_service.domain.decide_delete import decide_delete
from perdure_service.domain.instant import Instant
from perdure_service.ports.log import ExecutionLog


@dataclass(frozen=True, slots=True)
class DeleteExecution:
    log: ExecutionLog

    async def __call__(self, arn: str) -> Instant:
        """Give it up; answers when that was asked for. Its name is free at once, its rows are
        deleted by `scheduler.retention` soon. Raises ResourceConflict unless it has ended."""
        execution = await find_durable(self.log, arn)
        deleted = await self.log.commit(execution.id, decide_delete)
        return deleted.answer
