"""Somebody outside completes a callback, or says that it is still being worked on."""

from __future__ import annotations

from perdure_service.domain.decide_time import tick
from perdure_service.domain.decision import Decision, Draft, Moment
from perdure_service.domain.errors import CallbackTimeout, ResourceNotFound
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import Execution
from perdure_service.domain.instant import after
from perdure_service.domain.operations import (
    COMPLETIONS,
    Completion,
    ErrorObject,
    Operation,
    OperationType,
)


def decide_callback_success(
    execution: Execution, operation_id: str, result: str | None, moment: Moment
) -> Decision[None]:
    """Record the result and wake the function. Raises CallbackTimeout if it is no longer open."""
    draft, operation = _open_callback(execution, operation_id, moment, Completion.RESOLVED)
    draft.emit(EventType.CALLBACK_SUCCEEDED, of=operation, payload=result)
    draft.wake()
    return draft.settle(None)


def decide_callback_failure(
    execution: Execution, operation_id: str, error: ErrorObject, moment: Moment
) -> Decision[None]:
    """Record the failure and wake the function. Raises CallbackTimeout if it is no longer open."""
    draft, operation = _open_callback(execution, operation_id, moment, Completion.REJECTED)
    draft.emit(EventType.CALLBACK_FAILED, of=operation, error=error)
    draft.wake()
    return draft.settle(None)


def decide_callback_heartbeat(
    execution: Execution, operation_id: str, moment: Moment
) -> Decision[None]:
    """Restart the heartbeat timer, if there is one. No event. Raises CallbackTimeout if closed."""
    draft, operation = _open_callback(execution, operation_id, moment, Completion.RESOLVED)
    if operation.heartbeat_seconds:
        due_at = after(draft.now, operation.heartbeat_seconds)
        draft.folding.move_heartbeat(operation.id, due_at)
    return draft.settle(None)


def _open_callback(
    execution: Execution, operation_id: str, moment: Moment, completion: Completion
) -> tuple[Draft, Operation]:
    """What was due first has happened first: a late completion loses to the timeout."""
    draft = Draft(execution, moment)
    if not execution.is_closed:
        tick(draft)
    operation = draft.operation(operation_id)
    if operation is None or operation.type is not OperationType.CALLBACK:
        raise ResourceNotFound("Callback does not exist: check the callback id.")
    if draft.is_closed or (operation.type, operation.status, completion) not in COMPLETIONS:
        raise CallbackTimeout
    return draft, operation
