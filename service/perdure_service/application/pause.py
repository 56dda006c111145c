"""PauseDurableExecution and ResumeDurableExecution."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.application.read import find_durable
from perdure_service.domain.decide_pause import (
    PauseRequest,
    ResumeRequest,
    decide_pause,
    decide_resume,
)
from perdure_service.ports.log import ExecutionLog


@dataclass(frozen=True, slots=True)
class PauseExecution:
    log: ExecutionLog

    async def __call__(self, arn: str, request: PauseRequest) -> None:
        """Invoke the function no more until it is resumed; an invocation in flight goes on to its
        next checkpoint. Raises ResourceConflict unless it is RUNNING."""
        execution = await find_durable(self.log, arn)
        await self.log.commit(
            execution.id, lambda execution, moment: decide_pause(execution, request, moment)
        )


@dataclass(frozen=True, slots=True)
class ResumeExecution:
    log: ExecutionLog

    async def __call__(self, arn: str, request: ResumeRequest) -> None:
        """Let it go on. Raises ResourceConflict unless it is PAUSING or PAUSED."""
        execution = await find_durable(self.log, arn)
        await self.log.commit(
            execution.id, lambda execution, moment: decide_resume(execution, request, moment)
        )
