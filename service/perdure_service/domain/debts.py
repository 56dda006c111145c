"""What the service owes a function: completions that it may not have acted on, and a wake-up for
them. See ADR 11."""

from __future__ import annotations

from perdure_service.domain.execution import Execution, Running, Sight
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import Operation, OperationType, Status
from perdure_service.domain.views import became_ready


def has_open_trigger(execution: Execution, now: Instant) -> bool:
    """True if something will wake the function: an open WAIT, CALLBACK or CHAINED_INVOKE, or a
    retry that is not due yet."""
    open_ = (o for o in execution.operations.values() if o.ended_at is None)
    return any(_is_trigger(operation, now) for operation in open_)


def owes(execution: Execution, running: Running, now: Instant) -> bool:
    """True if something completed during `running` and nothing proves that the function saw it.

    SDKs suspend without acting on what a checkpoint answer brought, so an answer is no proof. A
    later update of the same step is, and so is a closed CONTEXT above the operation.
    """
    claimed = running.claimed_event_id
    moved = (
        operation
        for operation in execution.operations.values()
        if operation.last_event_id > claimed or operation.next_attempt_at is not None
    )
    return any(
        _completed_during(operation, running, now) and not execution.has_closed_ancestor(operation)
        for operation in moved
    )


def updated_operation_ids(execution: Execution, since: Sight, upto: Sight) -> tuple[str, ...]:
    """The operations, in start order, that the service completed or made READY after `since`."""
    updated = [
        operation
        for operation in execution.operations.values()
        if became_ready(operation, since, upto)
        or (operation.last_event_id > since.event_id and _was_completed(operation))
    ]
    updated.sort(key=lambda operation: operation.sequence)
    return tuple(operation.id for operation in updated)


_TRIGGERS = frozenset({OperationType.WAIT, OperationType.CALLBACK, OperationType.CHAINED_INVOKE})


def _is_trigger(operation: Operation, now: Instant) -> bool:
    status = operation.status_at(now)
    return status is Status.PENDING or (status is Status.STARTED and operation.type in _TRIGGERS)


def _completed_during(operation: Operation, running: Running, now: Instant) -> bool:
    if operation.next_attempt_at is not None:
        return running.started_at < operation.next_attempt_at <= now
    return _was_completed(operation)


def _was_completed(operation: Operation) -> bool:
    """True if the service completed it, not the function itself."""
    if operation.type not in _TRIGGERS or operation.status is Status.CANCELLED:
        return False
    refused = operation.type is OperationType.CHAINED_INVOKE and not operation.executed_version
    return operation.is_closed and not refused
