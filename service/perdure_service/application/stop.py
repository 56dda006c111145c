"""StopDurableExecution."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.application.read import find_durable
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.instant import Instant
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import ErrorObject
from perdure_service.ports.log import ExecutionLog


@dataclass(frozen=True, slots=True)
class StopExecution:
    log: ExecutionLog
    limits: Limits

    async def __call__(self, arn: str, error: ErrorObject) -> Instant:
        """Stop it for good; answers when it ended. An invocation in flight is not interrupted, its
        next checkpoint is refused. A closed execution keeps its outcome."""
        if error.size_bytes > self.limits.error_bytes:
            raise InvalidParameterValue(
                f"Error object size must be less than or equal to {self.limits.error_bytes} bytes."
            )
        execution = await find_durable(self.log, arn)
        stopped = await self.log.commit(
            execution.id, lambda execution, moment: decide_stop(execution, error, moment)
        )
        return stopped.answer
