"""The append: one statement that fences, logs and derives, for many executions at once.

Shape of the statement (the parts that a batch does not need are left out):

    command   what was decided, one row per execution, n is its place in the batch
    won       the commands whose execution still stands where the decision saw it: locked in key
              order, rows that another flush holds are skipped. Every later part joins it, so a
              command that lost its race writes nothing and never fails its neighbours.
    moved     the execution rows, moved on
    <parts>   events, timers, callbacks, the queue, notices, children; each row names its n

A start has no row to fence yet: there `won` holds the starts that got their name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from perdure_service.domain.effects import Effects
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Queued, Running
from perdure_service.domain.folding import stored_size
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.operations import OperationType
from perdure_service.ports.log import NameLock
from perdure_service.postgres.arrays import (
    Blobs,
    Bools,
    Instants,
    Int2s,
    Int4s,
    Int8s,
    Jsonbs,
    PackedArray,
    Texts,
    Uuids,
)
from perdure_service.postgres.codec import (
    encode_detail,
    encode_error,
    encode_failures,
)

Row = tuple[Any, ...]
Columns = tuple[tuple[str, type[PackedArray]], ...]


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the statement: its rows as columns, and what is done with those that won."""

    name: str
    columns: Columns
    sql: str

    def text(self) -> str:
        names = ", ".join(name for name, _ in self.columns)
        arrays = ", ".join(f"%b::{type_.sql_type}[]" for _, type_ in self.columns)
        source = f"(SELECT r.* FROM unnest({arrays}) AS r({names}) JOIN won USING (n))"
        return self.sql.replace("$rows", source).replace("$names", names.removeprefix("n, "))

    def pack(self, rows: Sequence[Row]) -> list[PackedArray]:
        return [
            type_(column)
            for (_, type_), column in zip(self.columns, zip(*rows, strict=True), strict=True)
        ]


_KEY: Columns = (
    ("n", Int4s),
    ("part", Int2s),
    ("execution_id", Uuids),
)

BORN = Part(
    "born",
    (
        ("n", Int4s),
        ("part", Int2s),
        ("id", Uuids),
        ("account", Texts),
        ("region", Texts),
        ("function_name", Texts),
        ("function_version", Texts),
        ("qualifier", Texts),
        ("function_version_id", Uuids),
        ("name", Texts),
        ("durable", Bools),
        ("mode", Texts),
        ("parent_id", Uuids),
        ("parent_operation_id", Texts),
        ("trace_id", Texts),
        ("tenant_id", Texts),
        ("client_context", Texts),
        ("started_at", Instants),
        ("timeout_seconds", Int4s),
        ("retention_days", Int4s),
        ("status", Texts),
        ("last_event_id", Int4s),
        ("operation_count", Int4s),
        ("stored_bytes", Int8s),
        ("version", Int8s),
        ("nonce", Int8s),
        ("ticked_at", Instants),
        ("token_seq", Int4s),
        ("token_nonce", Int8s),
        ("invocation_id", Uuids),
        ("invocation_ready_at", Instants),
        ("invocation_worker_id", Uuids),
        ("invocation_started_at", Instants),
        ("invocation_claimed_event_id", Int4s),
        ("seen_event_id", Int4s),
        ("seen_now", Instants),
        ("previously_seen_event_id", Int4s),
        ("previously_seen_now", Instants),
    ),
    "INSERT INTO execution ($names) SELECT $names FROM $rows AS s",
)

EVENTS = Part(
    "logged",
    (
        *_KEY,
        ("event_id", Int4s),
        ("type", Texts),
        ("at", Instants),
        ("operation_id", Texts),
        ("parent_id", Texts),
        ("name", Texts),
        ("sub_type", Texts),
        ("payload", Blobs),
        ("error", Blobs),
        ("detail", Jsonbs),
    ),
    "INSERT INTO event ($names) SELECT $names FROM $rows AS s",
)

TIMERS_SET = Part(
    "armed",
    (*_KEY, ("kind", Texts), ("operation_id", Texts), ("due_at", Instants)),
    "INSERT INTO timer ($names) SELECT $names FROM $rows AS s "
    "ON CONFLICT (part, execution_id, kind, operation_id) DO UPDATE SET due_at = excluded.due_at",
)

TIMERS_CLEARED = Part(
    "disarmed",
    (*_KEY, ("kind", Texts), ("operation_id", Texts)),
    "DELETE FROM timer t USING $rows AS s WHERE (t.part, t.execution_id, t.kind, t.operation_id)"
    " = (s.part, s.execution_id, s.kind, s.operation_id)",
)

CALLBACKS_OPENED = Part(
    "opened",
    (*_KEY, ("operation_id", Texts), ("name", Texts), ("opened_at", Instants)),
    "INSERT INTO callback ($names) SELECT $names FROM $rows AS s",
)

CALLBACKS_CLOSED = Part(
    "answered",
    (*_KEY, ("operation_id", Texts)),
    "DELETE FROM callback c USING $rows AS s "
    "WHERE (c.part, c.execution_id, c.operation_id) = (s.part, s.execution_id, s.operation_id)",
)

QUEUED = Part(
    "queued",
    (
        *_KEY,
        ("function_version_id", Uuids),
        ("ready_at", Instants),
        ("invocation_id", Uuids),
        ("worker_id", Uuids),
    ),
    "INSERT INTO invocation ($names) SELECT $names FROM $rows AS s "
    "ON CONFLICT (part, execution_id) DO UPDATE SET ready_at = excluded.ready_at,"
    " invocation_id = excluded.invocation_id, worker_id = excluded.worker_id",
)

UNQUEUED = Part(
    "unqueued",
    _KEY,
    "DELETE FROM invocation i USING $rows AS s "
    "WHERE (i.part, i.execution_id) = (s.part, s.execution_id)",
)

TIMERS_OF_CLOSED = Part(
    "silenced",
    _KEY,
    "DELETE FROM timer t USING $rows AS s "
    "WHERE (t.part, t.execution_id) = (s.part, s.execution_id)",
)

CALLBACKS_OF_CLOSED = Part(
    "abandoned",
    _KEY,
    "DELETE FROM callback c USING $rows AS s "
    "WHERE (c.part, c.execution_id) = (s.part, s.execution_id)",
)

NAMES_OF_CLOSED = Part(
    "expiring",
    (*_KEY, ("expires_at", Instants)),
    "UPDATE execution_name x SET expires_at = s.expires_at FROM $rows AS s "
    "WHERE (x.part, x.execution_id) = (s.part, s.execution_id) AND x.expires_at IS NULL",
)

NOTICES = Part(
    "noticed",
    (
        ("n", Int4s),
        ("part", Int2s),
        ("parent_id", Uuids),
        ("operation_id", Texts),
        ("child_id", Uuids),
        ("created_at", Instants),
    ),
    "INSERT INTO notice ($names) SELECT $names FROM $rows AS s ON CONFLICT DO NOTHING",
)

HEARD = Part(
    "heard",
    (("n", Int4s), ("part", Int2s), ("parent_id", Uuids), ("operation_id", Texts)),
    "DELETE FROM notice x USING $rows AS s "
    "WHERE (x.part, x.parent_id, x.operation_id) = (s.part, s.parent_id, s.operation_id)",
)

_ORDER = (
    BORN,
    EVENTS,
    TIMERS_SET,
    TIMERS_CLEARED,
    CALLBACKS_OPENED,
    CALLBACKS_CLOSED,
    QUEUED,
    UNQUEUED,
    TIMERS_OF_CLOSED,
    CALLBACKS_OF_CLOSED,
    NAMES_OF_CLOSED,
    NOTICES,
    HEARD,
)

_FENCE: Columns = (
    ("n", Int4s),
    ("part", Int2s),
    ("id", Uuids),
    ("expected_version", Int8s),
    ("expected_nonce", Int8s),
)

_CHECKPOINTED: Columns = (
    ("version", Int8s),
    ("nonce", Int8s),
    ("last_event_id", Int4s),
    ("operation_count", Int4s),
    ("stored_bytes", Int8s),
    ("ticked_at", Instants),
    ("token_seq", Int4s),
    ("token_nonce", Int8s),
    ("seen_event_id", Int4s),
    ("seen_now", Instants),
    ("previously_seen_event_id", Int4s),
    ("previously_seen_now", Instants),
    ("client_token", Texts),
)
"""What a checkpoint moves: no indexed column, so the update stays on its page."""

_INVOKED: Columns = (
    ("status", Texts),
    ("ended_at", Instants),
    ("invocation_id", Uuids),
    ("invocation_ready_at", Instants),
    ("invocation_worker_id", Uuids),
    ("invocation_started_at", Instants),
    ("invocation_claimed_event_id", Int4s),
    ("failures", Jsonbs),
)
"""What only claims, ends and closings move besides."""

_NAMES: Columns = (
    ("n", Int4s),
    ("part", Int2s),
    ("account", Texts),
    ("function_name", Texts),
    ("name", Texts),
    ("execution_id", Uuids),
    ("payload_hash", Blobs),
    ("expires_at", Instants),
    ("now", Instants),
)


def _numbered(sql: str) -> str:
    """`%b` placeholders as $1, $2, ... in order: psycopg need not parse the statement then."""
    pieces = sql.split("%b")
    numbered = (f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1))
    return "".join(numbered) + pieces[-1]


def _unnest(columns: Iterable[tuple[str, type[PackedArray]]]) -> str:
    listed = list(columns)
    names = ", ".join(name for name, _ in listed)
    arrays = ", ".join(f"%b::{type_.sql_type}[]" for _, type_ in listed)
    return f"unnest({arrays}) AS r({names})"


_WON = """won AS MATERIALIZED (
  SELECT c.* FROM command c JOIN execution e ON (e.part, e.id) = (c.part, c.id)
   WHERE e.version = c.expected_version AND e.nonce = c.expected_nonce
   ORDER BY e.part, e.id FOR UPDATE OF e SKIP LOCKED)"""

_TAKEN = """taken AS (
  INSERT INTO execution_name AS x
    (part, account, function_name, name, execution_id, payload_hash, expires_at)
  SELECT part, account, function_name, name, execution_id, payload_hash, expires_at
    FROM wanted WHERE name IS NOT NULL ORDER BY account, function_name, name
  ON CONFLICT (part, account, function_name, name) DO UPDATE
    SET execution_id = excluded.execution_id, payload_hash = excluded.payload_hash,
        expires_at = excluded.expires_at
    WHERE x.expires_at <= (SELECT max(now) FROM wanted)
  RETURNING execution_id)"""

_STARTED = """won AS MATERIALIZED (
  SELECT n FROM wanted w WHERE name IS NULL
      OR EXISTS (SELECT 1 FROM taken t WHERE t.execution_id = w.execution_id))"""


@cache
def _append_sql(parts: tuple[str, ...], whole: bool) -> str:
    moving = _CHECKPOINTED + (_INVOKED if whole else ())
    assignments = ", ".join(f"{name} = w.{name}" for name, _ in moving)
    command = f"command AS MATERIALIZED (SELECT * FROM {_unnest(_FENCE + moving)})"
    moved = (
        f"moved AS (UPDATE execution e SET {assignments} FROM won w"
        " WHERE (e.part, e.id) = (w.part, w.id))"
    )
    return _statement(command, _WON, moved, *_part_ctes(parts))


@cache
def _start_sql(parts: tuple[str, ...], named: bool) -> str:
    if not named:
        all_win = "won AS MATERIALIZED (SELECT unnest(%b::integer[]) AS n)"
        return _statement(all_win, *_part_ctes(parts))
    wanted = f"wanted AS MATERIALIZED (SELECT * FROM {_unnest(_NAMES)})"
    return _statement(wanted, _TAKEN, _STARTED, *_part_ctes(parts))


def _statement(*ctes: str) -> str:
    return _numbered(f"WITH {', '.join(ctes)} SELECT n FROM won")


def _part_ctes(parts: tuple[str, ...]) -> list[str]:
    return [f"{part.name} AS ({part.text()})" for part in _ORDER if part.name in parts]


@dataclass(slots=True)
class Statement:
    """An append being put together: text and parameters for one round trip."""

    rows: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, part: Part, row: Row) -> None:
        self.rows.setdefault(part.name, []).append(row)

    @property
    def parts(self) -> tuple[str, ...]:
        return tuple(part.name for part in _ORDER if part.name in self.rows)

    def packed_parts(self) -> list[PackedArray]:
        return [
            array
            for part in _ORDER
            if part.name in self.rows
            for array in part.pack(self.rows[part.name])
        ]


def append_statement(changes: Sequence[Change]) -> tuple[str, list[PackedArray]]:
    """SQL and parameters that append `changes`, each to an execution that exists. The statement
    answers the places of those that won."""
    statement = Statement()
    commands: list[Row] = []
    whole = any(_moves_invocation(change) for change in changes)
    for n, change in enumerate(changes):
        assert change.before is not None
        commands.append(_command_row(n, change.before, change.after, whole))
        _add_rows(statement, n, change)
    columns = _FENCE + _CHECKPOINTED + (_INVOKED if whole else ())
    packed = [
        type_(column)
        for (_, type_), column in zip(columns, zip(*commands, strict=True), strict=True)
    ]
    return _append_sql(statement.parts, whole), packed + statement.packed_parts()


def start_statement(changes: Sequence[Change], now: Instant) -> tuple[str, list[PackedArray]]:
    """SQL and parameters that start `changes`. The statement answers the places of those that
    started; the others found their name taken."""
    statement = Statement()
    for n, change in enumerate(changes):
        _add_rows(statement, n, change)
    named = any(change.lock is not None for change in changes)
    if named:
        wanted = [_name_row(n, change, now) for n, change in enumerate(changes)]
        head = [
            type_(column)
            for (_, type_), column in zip(_NAMES, zip(*wanted, strict=True), strict=True)
        ]
    else:
        head = [Int4s(range(len(changes)))]
    return _start_sql(statement.parts, named), head + statement.packed_parts()


def _moves_invocation(change: Change) -> bool:
    before, after_ = change.before, change.after
    assert before is not None
    return (
        before.ledger.invocation is not after_.ledger.invocation
        or before.ledger.failures is not after_.ledger.failures
        or before.status is not after_.status
    )


def _command_row(n: int, before: Execution, now: Execution, whole: bool) -> Row:
    ledger = now.ledger
    row: Row = (
        n,
        now.identity.part,
        now.id,
        before.ledger.version,
        before.ledger.nonce,
        ledger.version,
        ledger.nonce,
        now.last_event_id,
        now.operation_count,
        now.stored_bytes,
        ledger.ticked_at,
        ledger.token_seq,
        ledger.token_nonce,
        ledger.seen.event_id,
        ledger.seen.now,
        ledger.previously_seen.event_id,
        ledger.previously_seen.now,
        ledger.client_token,
    )
    if not whole:
        return row
    return (
        *row,
        now.status.value,
        now.ended_at,
        ledger.invocation_id,
        *_invocation_columns(ledger.invocation),
        encode_failures(ledger.failures),
    )


def _invocation_columns(invocation: Queued | Running | None) -> Row:
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
        case None:
            return (None, None, None, None)


def _add_rows(statement: Statement, n: int, change: Change) -> None:
    now, effects = change.after, change.effects
    key = (n, now.identity.part, now.id)
    if change.before is None:
        statement.add(BORN, _born_row(n, now))
    for event in change.events:
        statement.add(EVENTS, (*key, *_event_row(event)))
    for timer in effects.timers_set:
        kind, operation_id = timer.key
        statement.add(TIMERS_SET, (*key, kind.value, operation_id, timer.due_at))
    for kind, operation_id in effects.timers_cleared:
        statement.add(TIMERS_CLEARED, (*key, kind.value, operation_id))
    for callback in effects.callbacks_opened:
        statement.add(
            CALLBACKS_OPENED, (*key, callback.operation_id, callback.name, callback.opened_at)
        )
    for operation_id in effects.callbacks_closed:
        statement.add(CALLBACKS_CLOSED, (*key, operation_id))
    if effects.queue_moved:
        _add_queue_row(statement, key, now, effects.queue)
    if effects.closed:
        _add_closing_rows(statement, key, change)
    if effects.notice is not None:
        parent = effects.notice
        notice = (parent.execution_id, parent.operation_id, now.id, now.last_event_at)
        statement.add(NOTICES, (n, now.identity.part, *notice))
    for operation_id in change.heard:
        statement.add(HEARD, (*key, operation_id))
    for child in change.children:
        _add_rows(statement, n, child)


def _add_queue_row(
    statement: Statement, key: Row, now: Execution, queue: Queued | Running | None
) -> None:
    version_id = now.identity.function_version_id
    match queue:
        case Queued(ready_at=ready_at):
            statement.add(QUEUED, (*key, version_id, ready_at, None, None))
        case Running():
            running = (queue.started_at, queue.id, queue.worker_id)
            statement.add(QUEUED, (*key, version_id, *running))
        case None:
            statement.add(UNQUEUED, key)


def _add_closing_rows(statement: Statement, key: Row, change: Change) -> None:
    now = change.after
    if change.before is not None:
        if change.before.armed:
            statement.add(TIMERS_OF_CLOSED, key)
        if _has_open_callback(change.before):
            statement.add(CALLBACKS_OF_CLOSED, key)
    days = now.identity.retention_days
    statement.add(NAMES_OF_CLOSED, (*key, after(now.last_event_at, days * 86_400)))


def _has_open_callback(execution: Execution) -> bool:
    return any(
        operation.type is OperationType.CALLBACK and not operation.is_closed
        for operation in execution.operations.values()
    )


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
        *_invocation_columns(ledger.invocation),
        ledger.seen.event_id,
        ledger.seen.now,
        ledger.previously_seen.event_id,
        ledger.previously_seen.now,
    )


def _name_row(n: int, change: Change, now: Instant) -> Row:
    identity, lock = change.after.identity, change.lock
    return (
        n,
        identity.part,
        identity.account,
        identity.function_name,
        lock.name if lock else None,
        identity.id,
        lock.payload_hash if lock else b"",
        lock.expires_at if lock else None,
        now,
    )
