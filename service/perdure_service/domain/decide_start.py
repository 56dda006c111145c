"""An execution begins."""

from __future__ import annotations

from perdure_service.domain.decision import Decision, Draft, Moment, NewExecution
from perdure_service.domain.events import EventType, ExecutionTimeout
from perdure_service.domain.execution import Execution


def decide_start(new: NewExecution, moment: Moment) -> Decision[None]:
    """The first event, and the first invocation queued."""
    draft = Draft(Execution(identity=new.identity), moment)
    draft.emit(
        EventType.EXECUTION_STARTED,
        payload=new.input,
        detail=ExecutionTimeout(new.identity.timeout_seconds),
    )
    draft.wake()
    return draft.settle(None)
