"""What an append writes, row by row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from perdure_service.domain.effects import DeadLetter, Effects
from perdure_service.domain.events import Event
from perdure_service.domain.execution import (
    Execution,
    Identity,
    InvocationState,
    Queued,
    Running,
)
from perdure_service.domain.folding import stored_size
from perdure_service.domain.frozen import frozen
from perdure_service.domain.operations import OperationType
from perdure_service.ports.log import NameLock
from perdure_service.postgres.codec import encode_detail, encode_error
from perdure_service.postgres.parts import (
    BORN,
    CALLBACKS_CLOSED,
    CALLBACKS_OF_CLOSED,
    CALLBACKS_OPENED,
    DEAD_LETTERS,
    EVENTS,
    HEARD,
    NAMES_OF_CLOSED,
    NAMES_OF_GIVEN_UP,
    NOTICES,
    ORDER,
    QUEUED,
    TIMERS_CLEARED,
    TIMERS_OF_CLOSED,
    TIMERS_SET,
    UNQUEUED,
    Part,
    Row,
)


@frozen
class Change:
    """One execution's share of an append. `before` None: it starts, as the child of the command
    that it comes with, or by itself under `lock`."""

    before: Execution | None
    after: Execution
    events: Sequence[Event]
    effects: Effects
    children: tuple[Change, ...] = ()
    heard: tuple[str, ...] = ()
    lock: NameLock | None = None

    @property
    def size_bytes(self) -> int:
        own = sum(400 + stored_size(event.payload, event.error) for event in self.events)
        return own + sum(child.size_bytes for child in self.children)


@dataclass(slots=True)
class Rows:
    """The rows of an append, by part; each row begins with the place of its change."""

    by_part: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, part: Part, row: Row) -> None:
        self.by_part.setdefault(part.name, []).append(row)

    def parts(self) -> list[tuple[Part, list[Row]]]:
        """Those that have rows, in the order of the statement."""
        return [(part, self.by_part[part.name]) for part in ORDER if part.name in self.by_part]


def rows_of(changes: Sequence[Change]) -> Rows:
    rows = Rows()
    for n, change in enumerate(changes):
        _add_rows(rows, n, change)
    return rows


def _add_rows(rows: Rows, n: int, change: Change) -> None:
    now, effects = change.after, change.effects
    key = (n, now.identity.part, now.id)
    if change.before is None:
        rows.add(BORN, _born_row(n, now))
    for event in change.events:
        rows.add(EVENTS, (*key, *_event_row(event)))
    for timer in effects.timers_set:
        kind, operation_id = timer.key
        rows.add(TIMERS_SET, (*key, kind.value, operation_id, timer.due_at))
    for kind, operation_id in effects.timers_cleared:
        rows.add(TIMERS_CLEARED, (*key, kind.value, operation_id))
    for callback in effects.callbacks_opened:
        rows.add(CALLBACKS_OPENED, (*key, callback.operation_id, callback.name, callback.opened_at))
    for operation_id in effects.callbacks_closed:
        rows.add(CALLBACKS_CLOSED, (*key, operation_id))
    if effects.queue_moved:
        _add_queue_row(rows, key, now, effects.queue)
    if effects.closed:
        _add_closing_rows(rows, key, change)
    if effects.given_up:
        rows.add(NAMES_OF_GIVEN_UP, key)
    if effects.notice is not None:
        parent = effects.notice
        notice = (parent.execution_id, parent.operation_id, now.id, now.last_event_at)
        rows.add(NOTICES, (n, now.identity.part, *notice))
    if effects.dead_letter is not None:
        rows.add(DEAD_LETTERS, (*key, *_letter_row(now.identity, effects.dead_letter)))
    for operation_id in change.heard:
        rows.add(HEARD, (*key, operation_id))
    for child in change.children:
        _add_rows(rows, n, child)


def _add_queue_row(rows: Rows, key: Row, now: Execution, queue: Queued | Running | None) -> None:
    version_id = now.identity.function_version_id
    match queue:
        case Queued(ready_at=ready_at):
            rows.add(QUEUED, (*key, version_id, ready_at, None, None))
        case Running():
            running = (queue.started_at, queue.id, queue.worker_id)
            rows.add(QUEUED, (*key, version_id, *running))
        case None:
            rows.add(UNQUEUED, key)


def _add_closing_rows(rows: Rows, key: Row, change: Change) -> None:
    now = change.after
    if change.before is not None:
        if change.before.armed:
            rows.add(TIMERS_OF_CLOSED, key)
        if _has_open_callback(change.before):
            rows.add(CALLBACKS_OF_CLOSED, key)
    if not change.effects.given_up:
        rows.add(NAMES_OF_CLOSED, (*key, now.purge_at))


def _has_open_callback(execution: Execution) -> bool:
    return any(
        operation.type is OperationType.CALLBACK and not operation.is_closed
        for operation in execution.operations.values()
    )


def invocation_columns(invocation: InvocationState | None) -> Row:
    """When it is ready, its worker, its start, and the last event of its initial state."""
    match invocation:
        case Queued(ready_at=ready_at):
            return (ready_at, None, None, None)
        case Running():
            return (
                None,
                invocation.worker_id,
                invocation.started_at,
                invocation.claimed_event_id,
            )
        case _:
            return (None, None, None, None)


def _event_row(event: Event) -> Row:
    return (
        event.id,
        event.type.value,
        event.at,
        event.operation_id,
        event.parent_id,
        event.name,
        event.sub_type,
        None if event.payload is None else event.payload.encode(),
        encode_error(event.error),
        encode_detail(event.detail),
    )


def _letter_row(identity: Identity, letter: DeadLetter) -> Row:
    return (
        identity.arn if identity.durable else None,
        identity.function_arn,
        letter.target,
        letter.event.encode(),
        letter.status.value,
        letter.error_type.encode(),
        letter.error_message.encode(),
        letter.request_id,
        letter.closed_at,
        letter.closed_at,
    )


def _born_row(n: int, now: Execution) -> Row:
    identity, ledger = now.identity, now.ledger
    parent = identity.parent
    return (
        n,
        identity.part,
        identity.id,
        identity.account,
        identity.region,
        identity.function_name,
        identity.version,
        identity.qualifier,
        identity.function_version_id,
        identity.name,
        identity.durable,
        identity.mode.value,
        parent.execution_id if parent else None,
        parent.operation_id if parent else None,
        identity.trace_id,
        identity.tenant_id,
        identity.client_context,
        identity.dead_letter_target,
        identity.started_at,
        identity.timeout_seconds,
        identity.retention_days,
        now.status.value,
        now.last_event_id,
        now.operation_count,
        now.stored_bytes,
        ledger.version,
        ledger.nonce,
        ledger.ticked_at,
        ledger.token_seq,
        ledger.token_nonce,
        ledger.invocation_id,
        *invocation_columns(ledger.invocation),
        ledger.seen.event_id,
        ledger.seen.now,
        ledger.previously_seen.event_id,
        ledger.previously_seen.now,
    )
