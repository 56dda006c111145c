"""The parts of an append: which rows each takes, and what it does with those that won."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

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

Row = tuple[Any, ...]
Column = tuple[str, type[PackedArray]]
Columns = tuple[Column, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the statement: its rows as columns, the first of them n, and what is done with
    those that won."""

    name: str
    columns: Columns
    sql: str

    def of_many(self) -> str:
        """For rows of many changes, as arrays."""
        # IS TRUE keeps the planner from making a join of it, a nested loop that takes the square of
        # the batch: as it stands, `won` is hashed once.
        return self._text(f"{unnest(self.columns)} WHERE (n IN (SELECT n FROM won)) IS TRUE")

    def of_one(self, rows: int) -> str:
        """For the rows of one change, value by value and without n."""
        row = ", ".join(map(placeholder, self.columns[1:]))
        values = ", ".join([f"({row})"] * rows)
        return self._text(f"(VALUES {values}) AS r({self._names}) WHERE EXISTS (SELECT FROM won)")

    @property
    def _names(self) -> str:
        return ", ".join(name for name, _ in self.columns[1:])

    def _text(self, source: str) -> str:
        text = self.sql.replace("$rows", f"(SELECT * FROM {source})")
        return text.replace("$names", self._names)


def unnest(columns: Columns) -> str:
    """A table `r` of one array parameter per column."""
    names = ", ".join(name for name, _ in columns)
    arrays = ", ".join(f"%b::{type_.sql_type}[]" for _, type_ in columns)
    return f"unnest({arrays}) AS r({names})"


def placeholder(column: Column) -> str:
    """A parameter that is a single value of the column."""
    return f"%b::{column[1].sql_type}"


def pack(columns: Columns, rows: Sequence[Row]) -> list[bytes]:
    """The rows, column by column."""
    return [
        type_.pack(column)
        for (_, type_), column in zip(columns, zip(*rows, strict=True), strict=True)
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
        ("dead_letter_target", Texts),
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

NAMES_OF_GIVEN_UP = Part(
    "freed",
    _KEY,
    "DELETE FROM execution_name x USING $rows AS s "
    "WHERE (x.part, x.execution_id) = (s.part, s.execution_id)",
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

DEAD_LETTERS = Part(
    "lettered",
    (
        *_KEY,
        ("execution_arn", Texts),
        ("function_arn", Texts),
        ("target", Texts),
        ("event", Blobs),
        ("status", Texts),
        ("error_type", Blobs),
        ("error_message", Blobs),
        ("request_id", Texts),
        ("closed_at", Instants),
        ("due_at", Instants),
    ),
    "INSERT INTO dead_letter ($names) SELECT $names FROM $rows AS s",
)

HEARD = Part(
    "heard",
    (("n", Int4s), ("part", Int2s), ("parent_id", Uuids), ("operation_id", Texts)),
    "DELETE FROM notice x USING $rows AS s "
    "WHERE (x.part, x.parent_id, x.operation_id) = (s.part, s.parent_id, s.operation_id)",
)

ORDER = (
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
    NAMES_OF_GIVEN_UP,
    NOTICES,
    DEAD_LETTERS,
    HEARD,
)
