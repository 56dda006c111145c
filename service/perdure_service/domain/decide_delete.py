"""An operator deletes an execution that has ended."""

from __future__ import annotations

from perdure_service.domain.decide_time import tick
from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.execution import Execution
from perdure_service.domain.instant import Instant
from perdure_service.domain.lifecycle import Cause, require_allowed


def decide_delete(execution: Execution, moment: Moment) -> Decision[Instant]:
    """Give it up for deletion, and its name free; answers when that was asked for, the first time.
    Raises ResourceConflict unless it has ended."""
    requested_at = execution.ledger.deletion_requested_at
    if requested_at is not None:
        return nothing(execution, requested_at)
    draft = Draft(execution, moment)
    if not execution.is_closed:
        tick(draft)
    require_allowed(draft.status, Cause.DELETE)
    draft.note(deletion_requested_at=draft.now)
    return draft.settle(draft.now)
