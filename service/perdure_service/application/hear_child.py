"""A chained child has closed: its notice is delivered to the parent."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.execution import ParentLink
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.limits import Limits
from perdure_service.ports.log import ExecutionLog
from perdure_service.ports.notices import NoticeStore


@dataclass(frozen=True, slots=True)
class HearChild:
    log: ExecutionLog
    notices: NoticeStore
    limits: Limits

    async def __call__(self, parent: ParentLink, child_id: ExecutionId) -> None:
        """Complete the parent's operation and delete the notice, in one append. A repeat finds
        the operation complete and only makes sure that the notice is gone. So it is for a parent
        that was purged meanwhile."""
        child = await self.log.read(child_id)
        outcome = ChildOutcome.of(child)
        try:
            await self.log.commit(
                parent.execution_id,
                lambda execution, moment: decide_child_closed(
                    execution, parent.operation_id, outcome, moment, self.limits
                ),
            )
        except ResourceNotFound:
            await self.notices.drop(parent)
