"""The child of a CHAINED_INVOKE has closed, and its parent hears of it."""

from __future__ import annotations

from collections.abc import Mapping

from perdure_service.domain.decision import Decision, Draft, Moment
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import Execution, ExecutionStatus
from perdure_service.domain.folding import utf8_size
from perdure_service.domain.frozen import frozen
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import COMPLETIONS, Completion, ErrorObject


@frozen
class ChildOutcome:
    """How a chained execution ended."""

    status: ExecutionStatus
    timeout_seconds: int
    result: str | None = None
    error: ErrorObject | None = None

    @classmethod
    def of(cls, child: Execution) -> ChildOutcome:
        assert child.outcome is not None, "a notice is written when the child closes"
        return cls(child.outcome, child.identity.timeout_seconds, child.result, child.error)


_OUTCOMES: Mapping[ExecutionStatus, tuple[EventType, Completion]] = {
    ExecutionStatus.SUCCEEDED: (EventType.CHAINED_INVOKE_SUCCEEDED, Completion.CHILD_SUCCEEDED),
    ExecutionStatus.FAILED: (EventType.CHAINED_INVOKE_FAILED, Completion.CHILD_FAILED),
    ExecutionStatus.TIMED_OUT: (EventType.CHAINED_INVOKE_TIMED_OUT, Completion.CHILD_TIMED_OUT),
    ExecutionStatus.STOPPED: (EventType.CHAINED_INVOKE_STOPPED, Completion.CHILD_STOPPED),
}


def decide_child_closed(
    parent: Execution, operation_id: str, outcome: ChildOutcome, moment: Moment, limits: Limits
) -> Decision[None]:
    """Complete the operation and wake the parent. If the parent is closed or has heard already,
    only the notice goes."""
    draft = Draft(parent, moment)
    draft.heard.append(operation_id)
    operation = draft.operation(operation_id)
    type_, completion = _OUTCOMES[outcome.status]
    if (
        not parent.is_closed
        and operation is not None
        and (operation.type, operation.status, completion) in COMPLETIONS
    ):
        result, error = outcome.result, outcome.error
        if utf8_size(result) > limits.operation_payload_bytes:
            type_ = EventType.CHAINED_INVOKE_FAILED
            result, error = None, _too_large(limits)
        elif outcome.status is ExecutionStatus.TIMED_OUT:
            error = ErrorObject(
                type="ChainedInvoke.Timeout",
                message=f"CHAINED_INVOKE timed out after {outcome.timeout_seconds} seconds.",
            )
        draft.emit(type_, of=operation, payload=result, error=error)
        draft.wake()
    return draft.settle(None)


def _too_large(limits: Limits) -> ErrorObject:
    return ErrorObject(
        type="InvalidParameterValueException",
        message="CHAINED_INVOKE output payload size must be less than or equal to "
        f"{limits.operation_payload_bytes} bytes.",
    )
