"""A worker reports how an invocation ended, or is found to be gone."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.domain.decide_invocation import (
    Ending,
    Failed,
    Returned,
    decide_function_deleted,
    decide_invocation_end,
    decide_unclaim,
)
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.ports.log import ExecutionLog


@dataclass(frozen=True, slots=True)
class EndInvocation:
    log: ExecutionLog
    policy: RetryPolicy
    limits: Limits

    async def __call__(
        self, id_: ExecutionId, invocation_id: InvocationId, outcome: Returned | Failed
    ) -> Ending:
        """Record the end. SUPERSEDED, with nothing written, if another invocation runs by now."""
        ended = await self.log.commit(
            id_,
            lambda execution, moment: decide_invocation_end(
                execution, invocation_id, outcome, moment, self.policy, self.limits
            ),
        )
        return ended.answer

    async def function_deleted(
        self, id_: ExecutionId, undelivered: InvocationId | None = None
    ) -> None:
        """Fail the execution: the invocation that is queued, or was claimed and not delivered, can
        never be made."""
        await self.log.commit(
            id_,
            lambda execution, moment: decide_function_deleted(execution, undelivered, moment),
        )

    async def give_back(self, id_: ExecutionId, invocation_id: InvocationId) -> None:
        """Queue it again, as if it had never been handed out: its worker does not have it."""
        await self.log.commit(
            id_,
            lambda execution, moment: decide_unclaim(execution, invocation_id, moment),
        )
