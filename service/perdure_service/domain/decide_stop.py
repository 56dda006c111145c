"""An operator ends an execution."""

from __future__ import annotations

from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import Execution
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject


def decide_stop(execution: Execution, error: ErrorObject, moment: Moment) -> Decision[Instant]:
    """Stop it; answers when it ended. Operations keep their status and their timers go. On a closed
    execution nothing changes and the recorded time is answered."""
    if execution.ended_at is not None:
        return nothing(execution, execution.ended_at)
    draft = Draft(execution, moment)
    draft.close(EventType.EXECUTION_STOPPED, error=error)
    return draft.settle(draft.now)
