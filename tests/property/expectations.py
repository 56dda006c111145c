"""What must hold of one execution, derived from its operations alone and not by the code that it
checks: the rows of its tables, what its function has yet to be shown, and that it will wake."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields

from perdure_service.domain.effects import CallbackRow
from perdure_service.domain.events import Event, EventType, PauseAsked
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Held,
    Queued,
    Running,
    Sight,
    TimerKey,
    TimerKind,
)
from perdure_service.domain.instant import NEVER, Instant, after
from perdure_service.domain.operations import Operation, OperationType, Status

CLOSING = {
    EventType.EXECUTION_SUCCEEDED,
    EventType.EXECUTION_FAILED,
    EventType.EXECUTION_TIMED_OUT,
    EventType.EXECUTION_STOPPED,
}
PAUSES = (EventType.EXECUTION_PAUSED, EventType.EXECUTION_RESUMED)
YEAR_SECONDS = 366 * 86_400
COMPLETED_BY_THE_SERVICE = {
    OperationType.WAIT,
    OperationType.CALLBACK,
    OperationType.CHAINED_INVOKE,
}


def assert_same(one: Execution, other: Execution) -> None:
    """Equal in every field; a difference is named by its field."""
    for field in fields(Execution):
        mine, theirs = getattr(one, field.name), getattr(other, field.name)
        assert mine == theirs, f"{field.name}: {mine!r} is not {theirs!r}"


def assert_log_is_sound(log: Sequence[Event]) -> None:
    """Gapless from 1, never back in time, and after the closing event at most the end of the
    invocation that was running."""
    assert [event.id for event in log] == list(range(1, len(log) + 1))
    assert [event.at for event in log] == sorted(event.at for event in log)
    assert log[0].type is EventType.EXECUTION_STARTED
    closings = [event.id for event in log if event.type in CLOSING]
    assert len(closings) <= 1
    for closing in closings:
        assert [event.type for event in log[closing:]] in ([], [EventType.INVOCATION_COMPLETED])
    pauses = [event.type for event in log if event.type in PAUSES]
    assert pauses == [PAUSES[place % 2] for place in range(len(pauses))]


def assert_ends_are_final(before: Execution | None, now: Execution) -> None:
    """What had ended stays as it ended, and nothing is queued for an execution that has."""
    assert not (now.is_closed and isinstance(now.ledger.invocation, Queued | Held))
    if before is None:
        return
    ended = [operation for operation in before.operations.values() if operation.is_closed]
    assert [now.operations.get(operation.id) for operation in ended] == ended
    if before.is_closed:
        assert (now.outcome, now.result, now.error, now.ended_at) == (
            before.outcome,
            before.result,
            before.error,
            before.ended_at,
        )


def assert_status_tells_what_is(execution: Execution, log: Sequence[Event]) -> None:
    """The status follows from the log and from what operators asked for; while it is paused nothing
    runs or is queued, and nothing is held but then."""
    ledger, status = execution.ledger, execution.status
    pauses = [event.type for event in log if event.type in PAUSES]
    holds = pauses[-1:] == [EventType.EXECUTION_PAUSED] and not execution.is_closed
    assert (status is ExecutionStatus.PAUSED) == holds
    assert (status is ExecutionStatus.PAUSING) == (ledger.pausing is not None)
    assert (status is ExecutionStatus.DELETING) == (ledger.deletion_requested_at is not None)
    match status:
        case ExecutionStatus.PAUSED:
            assert not isinstance(ledger.invocation, Running | Queued)
        case ExecutionStatus.PAUSING:
            assert isinstance(ledger.invocation, Running)
        case _:
            assert not isinstance(ledger.invocation, Held)


def deadline_of(execution: Execution, log: Sequence[Event]) -> Instant:
    """The start, the timeout, and the time of all pauses that do not count; 366 days at most."""
    identity = execution.identity
    latest = after(identity.started_at, YEAR_SECONDS)
    paused_at: Instant | None = None
    own = after(identity.started_at, identity.timeout_seconds)
    for event in log:
        if event.type is EventType.EXECUTION_PAUSED:
            assert isinstance(event.detail, PauseAsked)
            paused_at = event.at if event.detail.execution_timeout_paused else None
        elif event.type is EventType.EXECUTION_RESUMED and paused_at is not None:
            own = Instant(own + event.at - paused_at)
            paused_at = None
    return latest if paused_at is not None else min(own, latest)


def timers_of_state(
    execution: Execution, log: Sequence[Event], heartbeats: Mapping[str, Instant]
) -> dict[TimerKey, Instant]:
    """The timers that must be armed. `heartbeats` are the due times of the last heartbeats."""
    if execution.is_closed:
        return {}
    timers: dict[TimerKey, Instant] = {(TimerKind.EXECUTION, ""): deadline_of(execution, log)}
    for operation in execution.operations.values():
        for kind, due_at in _due_times(operation, execution.ledger.ticked_at, heartbeats):
            timers[kind, operation.id] = due_at
    return timers


def _due_times(
    operation: Operation, ticked_at: Instant, heartbeats: Mapping[str, Instant]
) -> list[tuple[TimerKind, Instant]]:
    open_ = operation.status is Status.STARTED
    due: list[tuple[TimerKind, Instant | None]] = []
    if operation.type is OperationType.WAIT and open_:
        due.append((TimerKind.WAIT, operation.due_at))
    if operation.type is OperationType.CALLBACK and open_:
        due.append((TimerKind.CALLBACK, operation.due_at))
        due.append((TimerKind.HEARTBEAT, heartbeats.get(operation.id)))
    if operation.status is Status.PENDING and not _is_ready(operation, ticked_at):
        due.append((TimerKind.RETRY, operation.next_attempt_at))
    return [(kind, due_at) for kind, due_at in due if due_at is not None]


def _is_ready(operation: Operation, now: Instant) -> bool:
    assert operation.next_attempt_at is not None
    return operation.next_attempt_at <= now


def callbacks_of_state(execution: Execution) -> dict[str, CallbackRow]:
    if execution.is_closed:
        return {}
    return {
        operation.id: CallbackRow(operation.id, operation.name, operation.started_at)
        for operation in execution.operations.values()
        if operation.type is OperationType.CALLBACK and operation.status is Status.STARTED
    }


def news_of_state(execution: Execution) -> set[str]:
    """The operations that changed since the function was last shown the state."""
    if execution.is_closed:
        return set()
    seen, ticked_at = execution.ledger.seen, execution.ledger.ticked_at
    return {
        operation.id
        for operation in execution.operations.values()
        if operation.last_event_id > seen.event_id
        or (
            operation.status is Status.PENDING
            and _is_ready(operation, ticked_at)
            and not _is_ready(operation, seen.now)
        )
    }


def told_of_state(execution: Execution, since: Sight, upto: Sight) -> set[str]:
    """The operations that the service completed, or made READY, after `since`."""
    return {
        operation.id
        for operation in execution.operations.values()
        if (_is_completed_by_the_service(operation) and operation.last_event_id > since.event_id)
        or (
            operation.status is Status.PENDING
            and _is_ready(operation, upto.now)
            and not _is_ready(operation, since.now)
        )
    }


def assert_caches_are_exact(execution: Execution) -> None:
    """What `Execution` keeps so as not to look through all operations."""
    assert set(execution.recent) == news_of_state(execution)
    assert execution.next_due_at == min(execution.armed.values(), default=NEVER)


def assert_will_wake(
    execution: Execution,
    timers: Mapping[TimerKey, Instant],
    delivered: Sight,
    *,
    was_cut_short: bool,
) -> None:
    """An open execution that nobody works on, and of which no invocation is held, has a trigger
    that will wake it, and the function was handed, in the initial state of an invocation, all that
    completed so far. One whose token was withheld was cut short, and must run again."""
    if execution.is_closed or execution.ledger.invocation is not None:
        return
    assert not was_cut_short, "what the pause interrupted never goes on"
    operations = list(execution.operations.values())
    assert any(_can_wake(operation, timers) for operation in operations), "it sleeps for good"
    for operation in operations:
        if not execution.has_closed_ancestor(operation):
            assert not _is_owed(operation, timers, delivered), f"{operation} was never handed out"


def _can_wake(operation: Operation, timers: Mapping[TimerKey, Instant]) -> bool:
    if operation.type in COMPLETED_BY_THE_SERVICE:
        return operation.status is Status.STARTED
    return (TimerKind.RETRY, operation.id) in timers


def _is_owed(operation: Operation, timers: Mapping[TimerKey, Instant], delivered: Sight) -> bool:
    if operation.status is Status.PENDING:
        waits = (TimerKind.RETRY, operation.id) in timers
        return not waits and not _is_ready(operation, delivered.now)
    return _is_completed_by_the_service(operation) and operation.last_event_id > delivered.event_id


def _is_completed_by_the_service(operation: Operation) -> bool:
    if operation.type not in COMPLETED_BY_THE_SERVICE or operation.status is Status.STARTED:
        return False
    refused = operation.type is OperationType.CHAINED_INVOKE and not operation.executed_version
    return operation.status is not Status.CANCELLED and not refused
