"""The rows that follow from a change: computed from before and after, never by a command.

Timers, callbacks, the invocation queue and notices are tables derived from the execution. Since
they are a function of the change, no rule can forget one, and the tables can be checked against
the state at any time.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perdure_service.domain.events import CallbackOpened, Event, EventType
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Held,
    ParentLink,
    Queued,
    Running,
    TimerKey,
)
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject

_SHOWN_BYTES = 1_024


@frozen
class TimerSet:
    key: TimerKey
    due_at: Instant


@frozen
class DeadLetter:
    """The event of an asynchronous execution that did not succeed, on its way to `target`.
    `request_id` is that of its last invocation, if there was one; of the error there is the first
    kibibyte."""

    target: str
    event: str
    status: ExecutionStatus
    error_type: str
    error_message: str
    request_id: str | None
    closed_at: Instant


@frozen
class Effects:
    """Rows to write with the events. A `closed` execution loses all its timers and callbacks.

    `queue_moved` says that the invocation row must become `queue` (None: no row). An execution that
    is `given_up` leaves its name to others, and waits to be purged.
    """

    timers_set: tuple[TimerSet, ...] = ()
    timers_cleared: tuple[TimerKey, ...] = ()
    callbacks_opened: tuple[CallbackRow, ...] = ()
    callbacks_closed: tuple[str, ...] = ()
    queue_moved: bool = False
    queue: Queued | Running | None = None
    closed: bool = False
    given_up: bool = False
    notice: ParentLink | None = None
    dead_letter: DeadLetter | None = None


@frozen
class CallbackRow:
    operation_id: str
    name: str | None
    opened_at: Instant


_CALLBACK_ENDS = frozenset(
    {EventType.CALLBACK_SUCCEEDED, EventType.CALLBACK_FAILED, EventType.CALLBACK_TIMED_OUT}
)


def effects_between(
    before: Execution | None,
    after: Execution,
    events: Sequence[Event],
    touched_timers: Iterable[TimerKey],
) -> Effects:
    """The rows that turn the tables of `before` into those of `after`. None: it starts here."""
    closed = after.is_closed and not (before is not None and before.is_closed)
    queue = _queue_of(after)
    return Effects(
        timers_set=() if after.is_closed else tuple(_set(before, after, touched_timers)),
        timers_cleared=() if after.is_closed else tuple(_cleared(before, after, touched_timers)),
        callbacks_opened=() if after.is_closed else tuple(_opened(events, after)),
        callbacks_closed=() if after.is_closed else tuple(_ended(before, events)),
        queue_moved=queue != (_queue_of(before) if before is not None else None),
        queue=queue,
        closed=closed,
        given_up=_is_given_up(after) and not (before is not None and _is_given_up(before)),
        notice=after.identity.parent if closed else None,
        dead_letter=_dead_letter(after) if closed else None,
    )


def _dead_letter(closed: Execution) -> DeadLetter | None:
    target, outcome = closed.identity.dead_letter_target, closed.outcome
    if target is None or outcome in (None, ExecutionStatus.SUCCEEDED):
        return None
    error = closed.error or ErrorObject()
    return DeadLetter(
        target=target,
        event=closed.input or "",
        status=outcome,
        error_type=_start_of(error.type),
        error_message=_start_of(error.message),
        request_id=closed.ledger.invocation_id,
        closed_at=closed.ended_at or closed.last_event_at,
    )


def _start_of(text: str | None) -> str:
    return (text or "").encode()[:_SHOWN_BYTES].decode(errors="ignore")


def _queue_of(execution: Execution) -> Queued | Running | None:
    invocation = execution.ledger.invocation
    return None if isinstance(invocation, Held) else invocation


def _is_given_up(execution: Execution) -> bool:
    return execution.ledger.deletion_requested_at is not None


def _set(
    before: Execution | None, after: Execution, touched: Iterable[TimerKey]
) -> Iterable[TimerSet]:
    for key in touched:
        due_at = after.armed.get(key)
        if due_at is not None and (before is None or before.armed.get(key) != due_at):
            yield TimerSet(key, due_at)


def _cleared(
    before: Execution | None, after: Execution, touched: Iterable[TimerKey]
) -> Iterable[TimerKey]:
    for key in touched:
        if key not in after.armed and before is not None and key in before.armed:
            yield key


def _opened(events: Sequence[Event], after: Execution) -> Iterable[CallbackRow]:
    for event in events:
        if isinstance(event.detail, CallbackOpened) and event.operation_id is not None:
            operation = after.operations.get(event.operation_id)
            if operation is not None and not operation.is_closed:
                yield CallbackRow(event.operation_id, event.name, event.at)


def _ended(before: Execution | None, events: Sequence[Event]) -> Iterable[str]:
    for event in events:
        if (
            event.type in _CALLBACK_ENDS
            and event.operation_id is not None
            and before is not None
            and event.operation_id in before.operations
        ):
            yield event.operation_id
