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
one row or none, fenced by plain values, at two thirds of what Postgres needs for a batch of one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

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
from perdure_service.postgres.parts import (
    ORDER,
    Columns,
    Row,
    pack,
    pack_one,
    placeholder,
    unnest,
)
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

# IS TRUE keeps the planner from making a join of it, a nested loop that takes the square of the
# batch: as it stands, `won` is hashed once.
_HAS_WON = "(n IN (SELECT n FROM won)) IS TRUE"

_HAS_WON_ALONE = "EXISTS (SELECT FROM won)"


@frozen
class _Form:
    """What statements with the same parts share. `head` are the columns before those of parts."""

    sql: str
    types: tuple[int, ...]
    head: Columns


@cache
def _append(parts: tuple[str, ...], moves: tuple[Moves, ...], uncounted: bool = False) -> _Form:
    moving = columns_of(moves)
    columns = _PLACE + FENCE + moving + (_CLAIMED if uncounted else ())
    command = f"command AS MATERIALIZED ({_source(columns, uncounted)})"
    assignments = ", ".join(f"{name} = w.{name}" for name, _ in moving)
    moved = (
        f"moved AS (UPDATE execution e SET {assignments} FROM won w"
        " WHERE (e.part, e.id) = (w.part, w.id))"
    )
    return _form("n", columns, parts, command, _WON, moved)


@cache
def _lone_append(
    parts: tuple[str, ...], moves: tuple[Moves, ...], uncounted: bool = False
) -> _Form:
    part, id_, version, nonce = map(placeholder, FENCE)
    unlimited = "".join(f" AND {name} NOT IN ({LIMITED})" for name in map(placeholder, _CLAIMED))
    won = (
        f"won AS MATERIALIZED (SELECT ctid FROM execution WHERE (part, id) = ({part}, {id_})"
        f" AND version = {version} AND nonce = {nonce}{unlimited if uncounted else ''}"
        " FOR UPDATE SKIP LOCKED)"
    )
    moving = columns_of(moves)
    assignments = ", ".join(f"{column[0]} = {placeholder(column)}" for column in moving)
    moved = f"moved AS (UPDATE execution SET {assignments} WHERE ctid = (SELECT ctid FROM won))"
    columns = FENCE + (_CLAIMED if uncounted else ()) + moving
    return _form("0", columns, parts, won, moved, alone=True)


@cache
def _start(parts: tuple[str, ...], named: bool, uncounted: bool = False) -> _Form:
    columns = (_NAMES if named else _PLACE) + (_CLAIMED if uncounted else ())
    source = _source(columns, uncounted)
    if not named:
        return _form("n", columns, parts, f"won AS MATERIALIZED ({source})")
    return _form("n", columns, parts, f"wanted AS MATERIALIZED ({source})", _TAKEN, _STARTED)


def _source(columns: Columns, uncounted: bool) -> str:
    return f"SELECT * FROM {unnest(columns)}{_UNCOUNTED if uncounted else ''}"


def _form(
    place: str, head: Columns, names: tuple[str, ...], *ctes: str, alone: bool = False
) -> _Form:
    """`place` is what the statement answers for each row of `won`."""
    parts = [part for part in ORDER if part.name in names]
    has_won = _HAS_WON_ALONE if alone else _HAS_WON
    part_ctes = [f"{part.name} AS ({part.text(has_won)})" for part in parts]
    types = [type_.element_oid if alone else type_.oid for _, type_ in head]
    types += [type_.oid for part in parts for _, type_ in part.columns]
    sql = _numbered(f"WITH {', '.join([*ctes, *part_ctes])} SELECT {place} FROM won")
    return _Form(sql, tuple(types), head)


def _numbered(sql: str) -> str:
    """`%b` placeholders as $1, $2, ... in order: psycopg need not parse the statement then."""
    pieces = sql.split("%b")
    numbered = (f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1))
    return "".join(numbered) + pieces[-1]


def append_statement(changes: Sequence[Change], *, counted: bool = False) -> Statement:
    """Appends `changes`, each to an execution that exists, and answers the places of those that
    won. Unless they were `counted`, claims of functions that have a limit lose."""
    rows = rows_of(changes)
    moves = moves_of(changes)
    claimed = [] if counted else [_claimed_name(change) for change in changes]
    if len(changes) == 1:
        form = _lone_append(rows.parts, moves, any(claimed))
        (change,) = changes
        row = (*fence_row(change), *filter(None, claimed), *moved_row(change, moves))
        return Statement(form.sql, form.types, [*pack_one(form.head, row), *rows.packed()])
    form = _append(rows.parts, moves, any(claimed))
    table = [(n, *fence_row(change), *moved_row(change, moves)) for n, change in enumerate(changes)]
    head = pack(form.head, _claiming(table, claimed))
    return Statement(form.sql, form.types, head + rows.packed())


def start_statement(changes: Sequence[Change], now: Instant, *, counted: bool = False) -> Statement:
    """Starts `changes`, and answers the places of those that started; the others found their name
    taken, or were claimed, not `counted`, and are of functions that have a limit."""
    rows = rows_of(changes)
    named = any(change.lock is not None for change in changes)
    claimed = [] if counted else [_claimed_name(change) for change in changes]
    form = _start(rows.parts, named, any(claimed))
    table: list[Row] = [
        _name_row(n, change, now) if named else (n,) for n, change in enumerate(changes)
    ]
    head = pack(form.head, _claiming(table, claimed))
    return Statement(form.sql, form.types, head + rows.packed())


def _claiming(table: list[Row], claimed: Sequence[str | None]) -> list[Row]:
    """The rows, with the column of _CLAIMED if anything is claimed."""
    if not any(claimed):
        return table
    return [(*row, name) for row, name in zip(table, claimed, strict=True)]


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
