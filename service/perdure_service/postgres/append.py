"""The append: one statement that fences, logs and derives, for one execution or many at once.

Shape of the statement for many (the parts that a batch does not need are left out):

    command   what was decided, one row per execution, n is its place in the batch
    won       the commands whose execution still stands where the decision saw it: locked in key
              order, rows that another flush holds are skipped. Every later part joins it, so a
              command that lost its race writes nothing and never fails its neighbours.
    moved     the execution rows, moved on
    <parts>   events, timers, callbacks, the queue, notices, children; each row names its n

A start has no row to fence yet: there `won` holds the starts that got their name. And a change that
comes alone, as the steps of a lone execution do, has nothing to be told apart from: there `won` is
one row or none, fenced by plain values, at half of what Postgres needs for a batch of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache, lru_cache
from itertools import chain

from perdure_service.domain.execution import Running
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant
from perdure_service.postgres.arrays import Blobs, Instants, Int2s, Int4s, Texts, Uuids
from perdure_service.postgres.function_limits import LIMITED
from perdure_service.postgres.moves import (
    FENCE,
    Moves,
    columns_of,
    fence_row,
    moved_row,
    moves_of,
)
from perdure_service.postgres.parts import Columns, Part, Row, pack, placeholder, unnest
from perdure_service.postgres.rows import Change, rows_of
from perdure_service.postgres.statement import Statement

_PLACE: Columns = (("n", Int4s),)

_NAMES: Columns = (
    *_PLACE,
    ("part", Int2s),
    ("account", Texts),
    ("function_name", Texts),
    ("name", Texts),
    ("execution_id", Uuids),
    ("payload_hash", Blobs),
    ("expires_at", Instants),
    ("now", Instants),
)

_WON = """won AS MATERIALIZED (
  SELECT c.* FROM command c JOIN execution e ON (e.part, e.id) = (c.part, c.id)
   WHERE e.version = c.expected_version AND e.nonce = c.expected_nonce
   ORDER BY e.part, e.id FOR UPDATE OF e SKIP LOCKED)"""

_CLAIMED: Columns = (("claimed_name", Texts),)
"""The function's, of what claims an invocation."""

# Whoever decided this may not have known of the limit yet. Asked before anything is joined: in the
# join it would cost the planner its index.
_UNCOUNTED = f" WHERE claimed_name IS NULL OR claimed_name NOT IN ({LIMITED})"

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
  SELECT n FROM wanted WHERE name IS NULL
      OR execution_id IN (SELECT execution_id FROM taken))"""

_FEW = 4
"""Rows of a part that a lone change may have; one with more goes as a batch does."""


@frozen
class _Form:
    """What statements with the same parts share. `types` are Postgres', `columns` those before the
    columns of the parts, or all of them for a change that comes alone."""

    sql: str
    types: tuple[int, ...]
    columns: Columns


@cache
def _append(parts: tuple[Part, ...], moves: tuple[Moves, ...], uncounted: bool = False) -> _Form:
    moving = columns_of(moves)
    columns = _PLACE + FENCE + moving + (_CLAIMED if uncounted else ())
    command = f"command AS MATERIALIZED ({_source(columns, uncounted)})"
    assignments = ", ".join(f"{name} = w.{name}" for name, _ in moving)
    return _form(columns, parts, command, _WON, _moved(assignments))


@cache
def _start(parts: tuple[Part, ...], named: bool, uncounted: bool = False) -> _Form:
    columns = (_NAMES if named else _PLACE) + (_CLAIMED if uncounted else ())
    source = _source(columns, uncounted)
    if not named:
        return _form(columns, parts, f"won AS MATERIALIZED ({source})")
    return _form(columns, parts, f"wanted AS MATERIALIZED ({source})", _TAKEN, _STARTED)


def _source(columns: Columns, uncounted: bool) -> str:
    return f"SELECT * FROM {unnest(columns)}{_UNCOUNTED if uncounted else ''}"


def _form(columns: Columns, parts: tuple[Part, ...], *ctes: str) -> _Form:
    part_ctes = [f"{part.name} AS ({part.of_many()})" for part in parts]
    every = chain(columns, *(part.columns for part in parts))
    types = tuple(type_.oid for _, type_ in every)
    return _Form(_statement([*ctes, *part_ctes], "SELECT n FROM won"), types, columns)


@lru_cache(maxsize=1_000)
def _lone_append(
    parts: tuple[tuple[Part, int], ...], moves: tuple[Moves, ...], uncounted: bool = False
) -> _Form:
    """For parts with so many rows each."""
    part, id_, version, nonce = map(placeholder, FENCE)
    unlimited = "".join(f" AND {name} NOT IN ({LIMITED})" for name in map(placeholder, _CLAIMED))
    won = (
        f"won AS MATERIALIZED (SELECT part, id FROM execution WHERE (part, id) = ({part}, {id_})"
        f" AND version = {version} AND nonce = {nonce}{unlimited if uncounted else ''}"
        " FOR UPDATE SKIP LOCKED)"
    )
    moving = columns_of(moves)
    assignments = ", ".join(f"{column[0]} = {placeholder(column)}" for column in moving)
    part_ctes = [f"{part.name} AS ({part.of_one(count)})" for part, count in parts]
    columns = FENCE + (_CLAIMED if uncounted else ()) + moving
    columns += tuple(chain(*(part.columns[1:] * count for part, count in parts)))
    types = tuple(type_.element_oid for _, type_ in columns)
    return _Form(
        _statement([won, _moved(assignments), *part_ctes], "SELECT 0 FROM won"), types, columns
    )


def _moved(assignments: str) -> str:
    """By the key: where a row was won its place is no proof, since others may have written it anew
    since this statement began to look."""
    return (
        f"moved AS (UPDATE execution e SET {assignments} FROM won w"
        " WHERE (e.part, e.id) = (w.part, w.id))"
    )


def _statement(ctes: Sequence[str], answer: str) -> str:
    """`%b` placeholders become $1, $2, ... in order: psycopg need not parse the statement then."""
    pieces = f"WITH {', '.join(ctes)} {answer}".split("%b")
    numbered = (f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1))
    return "".join(numbered) + pieces[-1]


def append_statement(changes: Sequence[Change], *, counted: bool = False) -> Statement:
    """Appends `changes`, each to an execution that exists, and answers the places of those that
    won. Unless they were `counted`, claims of functions that have a limit lose."""
    parts = rows_of(changes).parts()
    moves = moves_of(changes)
    claimed = _claimed_names(changes, counted=counted)
    if len(changes) == 1 and all(len(rows) <= _FEW for _, rows in parts):
        form = _lone_append(tuple((part, len(rows)) for part, rows in parts), moves, any(claimed))
        return Statement(form.sql, form.types, _values(form, changes[0], claimed, moves, parts))
    form = _append(tuple(part for part, _ in parts), moves, any(claimed))
    table = [(n, *fence_row(change), *moved_row(change, moves)) for n, change in enumerate(changes)]
    return _of_many(form, _claiming(table, claimed), parts)


def start_statement(changes: Sequence[Change], now: Instant, *, counted: bool = False) -> Statement:
    """Starts `changes`, and answers the places of those that started; the others found their name
    taken, or were claimed, not `counted`, and are of functions that have a limit."""
    parts = rows_of(changes).parts()
    named = any(change.lock is not None for change in changes)
    claimed = _claimed_names(changes, counted=counted)
    form = _start(tuple(part for part, _ in parts), named, any(claimed))
    table: list[Row] = [
        _name_row(n, change, now) if named else (n,) for n, change in enumerate(changes)
    ]
    return _of_many(form, _claiming(table, claimed), parts)


def _of_many(
    form: _Form, table: Sequence[Row], parts: Sequence[tuple[Part, list[Row]]]
) -> Statement:
    values = pack(form.columns, table)
    for part, rows in parts:
        values += pack(part.columns, rows)
    return Statement(form.sql, form.types, values)


def _values(
    form: _Form,
    change: Change,
    claimed: Sequence[str | None],
    moves: Sequence[Moves],
    parts: Sequence[tuple[Part, list[Row]]],
) -> list[bytes | None]:
    row = [*fence_row(change), *filter(None, claimed), *moved_row(change, moves)]
    for _, rows in parts:
        for _, *values in rows:
            row += values
    return [
        None if value is None else type_.one(value)
        for (_, type_), value in zip(form.columns, row, strict=True)
    ]


def _claiming(table: list[Row], claimed: Sequence[str | None]) -> list[Row]:
    """The rows, with the column of _CLAIMED if anything is claimed."""
    if not any(claimed):
        return table
    return [(*row, name) for row, name in zip(table, claimed, strict=True)]


def _claimed_names(changes: Sequence[Change], *, counted: bool) -> list[str | None]:
    """The functions that have to be without a limit, by change; of none where they were counted."""
    return [] if counted else [_claimed_name(change) for change in changes]


def _claimed_name(change: Change) -> str | None:
    before, after_ = change.before, change.after
    if not isinstance(after_.ledger.invocation, Running):
        return None
    if before is not None and before.ledger.invocation_id == after_.ledger.invocation_id:
        return None
    return after_.identity.function_name


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
