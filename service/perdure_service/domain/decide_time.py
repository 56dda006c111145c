"""Time passes: waits end, callbacks time out, retries become READY, executions run out of time."""

from __future__ import annotations

from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.events import EventType, WaitTimes
from perdure_service.domain.execution import Execution, TimerKind
from perdure_service.domain.operations import (
    COMPLETIONS,
    Completion,
    ErrorObject,
    Operation,
)

CALLBACK_TIMED_OUT = ErrorObject(type="Callback.Timeout", message="Callback timed out")
HEARTBEAT_TIMED_OUT = ErrorObject(
    type="Callback.Heartbeat", message="Callback timed out on heartbeat"
)


def decide_tick(execution: Execution, moment: Moment) -> Decision[None]:
    """Complete all that is due. Nothing is written if nothing is, so a timer that was moved or
    has been dealt with elsewhere is harmless."""
    if execution.is_closed or execution.next_due_at > execution.effective_now(moment.clock):
        return nothing(execution, None)
    draft = Draft(execution, moment)
    tick(draft)
    return draft.settle(None)


def tick(draft: Draft) -> None:
    """Complete what is due in `draft`, earliest first, and wake the function for it. Commands that
    look at the time begin with this, so each of them may be the one that finds a timer due."""
    due = draft.folding.due(draft.now)
    for _, (kind, operation_id) in due:
        if kind is TimerKind.EXECUTION:
            time_out(draft)
            break
        operation = draft.operation(operation_id)
        if operation is not None and not operation.is_closed:
            _complete(draft, kind, operation)
    draft.folding.tick(draft.now)
    draft.note(ticked_at=draft.now)
    if due:
        draft.wake()


def _complete(draft: Draft, kind: TimerKind, operation: Operation) -> None:
    if (operation.type, operation.status, Completion.TIME_REACHED) not in COMPLETIONS:
        return
    match kind:
        case TimerKind.WAIT:
            assert operation.duration_seconds is not None and operation.due_at is not None
            times = WaitTimes(operation.duration_seconds, operation.due_at)
            draft.emit(EventType.WAIT_SUCCEEDED, of=operation, detail=times)
        case TimerKind.CALLBACK:
            draft.emit(EventType.CALLBACK_TIMED_OUT, of=operation, error=CALLBACK_TIMED_OUT)
        case TimerKind.HEARTBEAT:
            draft.emit(EventType.CALLBACK_TIMED_OUT, of=operation, error=HEARTBEAT_TIMED_OUT)
        case TimerKind.RETRY | TimerKind.EXECUTION:
            pass  # READY is no event: Folding.tick makes it news


def time_out(draft: Draft) -> None:
    """End it: its time is over."""
    seconds = draft.before.identity.timeout_seconds
    error = ErrorObject(message=f"Execution timed out after {seconds} seconds.")
    draft.close(EventType.EXECUTION_TIMED_OUT, error=error)
