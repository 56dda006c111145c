"""evolve: events applied to an execution, one by one, with one new value at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from perdure_service.domain.changed import changed
from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    ContextClosed,
    Event,
    EventType,
    PauseAsked,
    WaitTimes,
)
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Ledger,
    TimerKey,
    TimerKind,
    execution_deadline,
    timers_of,
)
from perdure_service.domain.instant import NEVER, Instant, after
from perdure_service.domain.operations import (
    ErrorObject,
    Operation,
    OperationType,
    Status,
)
from perdure_service.domain.pauses import Pause, Pausing
from perdure_service.domain.persistent import PersistentMap


def utf8_size(text: str | None) -> int:
    """Bytes of `text` in UTF-8."""
    if text is None:
        return 0
    return len(text) if text.isascii() else len(text.encode())


def stored_size(payload: str | None, error: ErrorObject | None) -> int:
    """Bytes that an event adds to the execution's storage."""
    return utf8_size(payload) + (error.size_bytes if error else 0)


class Folding:
    """An execution in change. Cheap per event: maps are rebuilt once, in `result`."""

    def __init__(self, execution: Execution) -> None:
        self.base = execution
        self.outcome = execution.outcome
        self.pause = execution.pause
        self.last_event_id = execution.last_event_id
        self.last_event_at = execution.last_event_at
        self.touched_timers: set[TimerKey] = set()
        self._input = execution.input
        self._result = execution.result
        self._error = execution.error
        self._ended_at = execution.ended_at
        self._operations: dict[str, Operation] = {}
        self._recent: dict[str, None] = {}
        self._armed: dict[TimerKey, Instant | None] = {}
        self._disarm_all = False
        self._next_due_at = execution.next_due_at
        self._operation_count = execution.operation_count
        self._stored_bytes = execution.stored_bytes
        self._extension_microseconds = execution.extension_microseconds
        self._ticked_at = execution.ledger.ticked_at

    @property
    def operation_count(self) -> int:
        return self._operation_count

    @property
    def stored_bytes(self) -> int:
        return self._stored_bytes

    @property
    def is_closed(self) -> bool:
        return self.outcome is not None

    def operation(self, operation_id: str) -> Operation | None:
        changed = self._operations.get(operation_id)
        return changed if changed is not None else self.base.operations.get(operation_id)

    def apply(self, event: Event) -> None:
        """Append `event`, whose id must be the next one."""
        if event.id != self.last_event_id + 1:
            raise ValueError(f"event {event.id} does not follow {self.last_event_id}")
        self.last_event_id = event.id
        self.last_event_at = event.at
        self._stored_bytes += stored_size(event.payload, event.error)
        evolve_operation = _EVOLVE.get(event.type)
        if evolve_operation is not None and event.operation_id is not None:
            before = self.operation(event.operation_id)
            now = evolve_operation(before, event)
            self._operation_count += (before is None) + (now.status is Status.PENDING)
            self._put(before, now)
            self._recent[now.id] = None
        elif event.type is EventType.EXECUTION_STARTED:
            self._input = event.payload
            self._operation_count += 1
            self._arm_deadline()
        elif event.type is EventType.EXECUTION_PAUSED:
            self._pause(event)
        elif event.type is EventType.EXECUTION_RESUMED:
            self._resume(event)
        elif event.type in _CLOSING:
            self.outcome = _CLOSING[event.type]
            self.pause = None
            self._result = event.payload
            self._error = event.error
            self._ended_at = event.at
            self._disarm_all = True
            self._recent[self.base.id] = None

    def move_heartbeat(self, operation_id: str, due_at: Instant) -> None:
        """Restart a callback's heartbeat timer: a fact of the timer row, not of the log."""
        self._arm((TimerKind.HEARTBEAT, operation_id), due_at)

    def unseen_ids(self) -> list[str]:
        """The operations changed since the function last saw the state."""
        return list({**dict(self.base.recent.items()), **self._recent})

    def due(self, now: Instant) -> list[tuple[Instant, TimerKey]]:
        """The timers due at `now`, earliest first. O(1) when none is."""
        if self._next_due_at > now or self._disarm_all:
            return []
        armed = {**dict(self.base.armed.items()), **self._armed}
        return sorted((at, key) for key, at in armed.items() if at is not None and at <= now)

    def tick(self, now: Instant) -> None:
        """Let every timer due at `now` have fired. Retries among them are news for the function."""
        for _, key in self.due(now):
            self._disarm(key)
            if key[0] is TimerKind.RETRY:
                self._recent[key[1]] = None
        self._ticked_at = max(self._ticked_at, now)

    def result(self, ledger: Ledger) -> Execution:
        """The execution after all that was applied, with `ledger` beside it."""
        base = self.base
        operations = base.operations.changed(self._operations)
        armed, next_due_at = self._timers()
        return Execution(
            identity=base.identity,
            ledger=ledger,
            outcome=self.outcome,
            input=self._input,
            result=self._result,
            error=self._error,
            ended_at=self._ended_at,
            last_event_id=self.last_event_id,
            last_event_at=self.last_event_at,
            operations=operations,
            armed=armed,
            next_due_at=next_due_at,
            recent=self._unseen(operations, ledger),
            operation_count=self._operation_count,
            stored_bytes=self._stored_bytes,
            pause=self.pause,
            extension_microseconds=self._extension_microseconds,
        )

    def _pause(self, event: Event) -> None:
        asked = event.detail
        assert isinstance(asked, PauseAsked)
        pausing = Pausing(asked.requested_at, asked.execution_timeout_paused, event.payload)
        self.pause = Pause(event.at, pausing)
        self._arm_deadline()

    def _resume(self, event: Event) -> None:
        assert self.pause is not None
        if self.pause.asked.execution_timeout_paused:
            self._extension_microseconds += event.at - self.pause.began_at
        self.pause = None
        self._arm_deadline()

    def _arm_deadline(self) -> None:
        deadline = execution_deadline(self.base.identity, self.pause, self._extension_microseconds)
        self._arm((TimerKind.EXECUTION, ""), deadline)

    def _timers(self) -> tuple[PersistentMap[TimerKey, Instant], Instant]:
        base = self.base
        if self._disarm_all:
            return PersistentMap(), NEVER
        if not self._armed:
            return base.armed, base.next_due_at
        set_now = {key: at for key, at in self._armed.items() if at is not None}
        gone = [key for key, at in self._armed.items() if at is None]
        armed = base.armed.changed(set_now, gone)
        if any(base.armed.get(key) == base.next_due_at for key in self._armed):
            return armed, min(armed.values(), default=NEVER)
        return armed, min(base.next_due_at, *set_now.values(), NEVER)

    def _unseen(
        self, operations: PersistentMap[str, Operation], ledger: Ledger
    ) -> PersistentMap[str, None]:
        seen = ledger.seen
        if self.is_closed or (seen.event_id == self.last_event_id and seen.now >= ledger.ticked_at):
            return PersistentMap()
        recent = self.base.recent.changed(self._recent)
        if seen == self.base.ledger.seen:
            return recent
        return recent.changed(
            removed=[id_ for id_ in recent if not _is_news(operations.get(id_), ledger)]
        )

    def _put(self, before: Operation | None, now: Operation) -> None:
        self._operations[now.id] = now
        if before is not None:
            for key, _ in timers_of(before):
                self._disarm(key)
        for key, due_at in timers_of(now):
            self._arm(key, due_at)

    def _arm(self, key: TimerKey, due_at: Instant) -> None:
        self.touched_timers.add(key)
        if due_at <= self._ticked_at:
            self._armed[key] = None
            return
        self._armed[key] = due_at
        self._next_due_at = min(self._next_due_at, due_at)

    def _disarm(self, key: TimerKey) -> None:
        self.touched_timers.add(key)
        self._armed[key] = None


def _is_news(operation: Operation | None, ledger: Ledger) -> bool:
    if operation is None:
        return False
    due = operation.next_attempt_at
    became_ready = (
        operation.status is Status.PENDING
        and due is not None
        and ledger.seen.now < due <= ledger.ticked_at
    )
    return became_ready or operation.last_event_id > ledger.seen.event_id


def fold(
    execution: Execution,
    events: Iterable[Event],
    ledger: Ledger,
    heartbeats: Mapping[str, Instant] | None = None,
) -> Execution:
    """`execution` after `events`, with the facts of `ledger` and of the heartbeat timers (operation
    id to due time) beside them."""
    folding = Folding(execution)
    for event in events:
        folding.apply(event)
    for operation_id, due_at in (heartbeats or {}).items():
        folding.move_heartbeat(operation_id, due_at)
    folding.tick(ledger.ticked_at)
    return folding.result(ledger)


def _fresh(event: Event, type_: OperationType) -> Operation:
    assert event.operation_id is not None
    return Operation(
        id=event.operation_id,
        type=type_,
        status=Status.STARTED,
        sequence=event.id,
        last_event_id=event.id,
        started_at=event.at,
        parent_id=event.parent_id,
        name=event.name,
        sub_type=event.sub_type,
    )


def _known(before: Operation | None, event: Event) -> Operation:
    if before is None:
        raise ValueError(f"event {event.id} completes an operation that was never started")
    return before


def _closed(
    before: Operation,
    event: Event,
    status: Status,
    *,
    result: str | None = None,
    error: ErrorObject | None = None,
) -> Operation:
    return changed(
        before,
        status=status,
        last_event_id=event.id,
        ended_at=event.at,
        result=result,
        error=error,
        next_attempt_at=None,
    )


def _started(type_: OperationType) -> Callable[[Operation | None, Event], Operation]:
    return lambda before, event: _fresh(event, type_)


def _ended(status: Status) -> Callable[[Operation | None, Event], Operation]:
    return lambda before, event: _closed(
        _known(before, event), event, status, result=event.payload, error=event.error
    )


def _step_started(before: Operation | None, event: Event) -> Operation:
    if before is None:
        return _fresh(event, OperationType.STEP)
    return changed(before, status=Status.STARTED, last_event_id=event.id, next_attempt_at=None)


def _step_attempted(before: Operation | None, event: Event) -> Operation:
    attempt = event.detail
    assert isinstance(attempt, Attempt)
    step = before or _fresh(event, OperationType.STEP)
    if attempt.next_delay_seconds is not None:
        return changed(
            step,
            status=Status.PENDING,
            last_event_id=event.id,
            attempt=attempt.number,
            result=event.payload,
            error=event.error,
            next_attempt_at=after(event.at, attempt.next_delay_seconds),
        )
    status = Status.SUCCEEDED if event.type is EventType.STEP_SUCCEEDED else Status.FAILED
    return changed(
        step,
        status=status,
        last_event_id=event.id,
        ended_at=event.at,
        attempt=attempt.number,
        result=event.payload,
        error=event.error,
        next_attempt_at=None,
    )


def _context_closed(before: Operation | None, event: Event) -> Operation:
    context = before or _fresh(event, OperationType.CONTEXT)
    status = Status.SUCCEEDED if event.type is EventType.CONTEXT_SUCCEEDED else Status.FAILED
    closed = _closed(context, event, status, result=event.payload, error=event.error)
    keeps = isinstance(event.detail, ContextClosed) and event.detail.replay_children
    return changed(closed, replay_children=keeps)


def _wait_started(before: Operation | None, event: Event) -> Operation:
    times = event.detail
    assert isinstance(times, WaitTimes)
    return changed(
        _fresh(event, OperationType.WAIT),
        due_at=times.scheduled_end_at,
        duration_seconds=times.duration_seconds,
    )


def _callback_started(before: Operation | None, event: Event) -> Operation:
    opened = event.detail
    assert isinstance(opened, CallbackOpened)
    return changed(
        _fresh(event, OperationType.CALLBACK),
        callback_id=opened.callback_id,
        timeout_seconds=opened.timeout_seconds,
        heartbeat_seconds=opened.heartbeat_seconds,
        due_at=after(event.at, opened.timeout_seconds) if opened.timeout_seconds else None,
    )


def _chained_started(before: Operation | None, event: Event) -> Operation:
    target = event.detail
    assert isinstance(target, ChainedTarget)
    invoke = _fresh(event, OperationType.CHAINED_INVOKE)
    return changed(invoke, executed_version=target.executed_version)


_EVOLVE: Mapping[EventType, Callable[[Operation | None, Event], Operation]] = {
    EventType.CONTEXT_STARTED: _started(OperationType.CONTEXT),
    EventType.CONTEXT_SUCCEEDED: _context_closed,
    EventType.CONTEXT_FAILED: _context_closed,
    EventType.STEP_STARTED: _step_started,
    EventType.STEP_SUCCEEDED: _step_attempted,
    EventType.STEP_FAILED: _step_attempted,
    EventType.WAIT_STARTED: _wait_started,
    EventType.WAIT_SUCCEEDED: _ended(Status.SUCCEEDED),
    EventType.WAIT_CANCELLED: _ended(Status.CANCELLED),
    EventType.CALLBACK_STARTED: _callback_started,
    EventType.CALLBACK_SUCCEEDED: _ended(Status.SUCCEEDED),
    EventType.CALLBACK_FAILED: _ended(Status.FAILED),
    EventType.CALLBACK_TIMED_OUT: _ended(Status.TIMED_OUT),
    EventType.CHAINED_INVOKE_STARTED: _chained_started,
    EventType.CHAINED_INVOKE_SUCCEEDED: _ended(Status.SUCCEEDED),
    EventType.CHAINED_INVOKE_FAILED: _ended(Status.FAILED),
    EventType.CHAINED_INVOKE_TIMED_OUT: _ended(Status.TIMED_OUT),
    EventType.CHAINED_INVOKE_STOPPED: _ended(Status.STOPPED),
}

_CLOSING: Mapping[EventType, ExecutionStatus] = {
    EventType.EXECUTION_SUCCEEDED: ExecutionStatus.SUCCEEDED,
    EventType.EXECUTION_FAILED: ExecutionStatus.FAILED,
    EventType.EXECUTION_TIMED_OUT: ExecutionStatus.TIMED_OUT,
    EventType.EXECUTION_STOPPED: ExecutionStatus.STOPPED,
}
