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
from perdure_service.domain.instant import Instant
from perdure_service.postgres.arrays import Blobs, Instants, Int2s, Int4s, Packed, Texts, Uuids
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
    pack_values,
    placeholder,
    unnest,
)
from perdure_service.postgres.rows import Change, Rows, add_rows

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


@cache
def _append_sql(parts: tuple[str, ...], moves: tuple[Moves, ...], uncounted: bool = False) -> str:
    moving = columns_of(moves)
    assignments = ", ".join(f"{name} = w.{name}" for name, _ in moving)
    columns = _PLACE + FENCE + (_CLAIMED if uncounted else ()) + moving
    source = f"SELECT * FROM {unnest(columns)}{_UNCOUNTED if uncounted else ''}"
    moved = (
        f"moved AS (UPDATE execution e SET {assignments} FROM won w"
        " WHERE (e.part, e.id) = (w.part, w.id))"
    )
    command = f"command AS MATERIALIZED ({source})"
    return _statement("n", command, _WON, moved, *_part_ctes(parts, _HAS_WON))


@cache
def _lone_append_sql(
    parts: tuple[str, ...], moves: tuple[Moves, ...], uncounted: bool = False
) -> str:
    part, id_, version, nonce = (placeholder(column) for column in FENCE)
    claimed = "".join(f" AND {placeholder(name)} NOT IN ({LIMITED})" for name in _CLAIMED)
    won = (
        f"won AS MATERIALIZED (SELECT ctid FROM execution WHERE (part, id) = ({part}, {id_})"
        f" AND version = {version} AND nonce = {nonce}{claimed if uncounted else ''}"
        " FOR UPDATE SKIP LOCKED)"
    )
    assignments = ", ".join(f"{column[0]} = {placeholder(column)}" for column in columns_of(moves))
    moved = f"moved AS (UPDATE execution SET {assignments} WHERE ctid = (SELECT ctid FROM won))"
    return _statement("0", won, moved, *_part_ctes(parts, _HAS_WON_ALONE))


@cache
def _start_sql(parts: tuple[str, ...], named: bool, uncounted: bool = False) -> str:
    columns = (_NAMES if named else _PLACE) + (_CLAIMED if uncounted else ())
    source = f"SELECT * FROM {unnest(columns)}{_UNCOUNTED if uncounted else ''}"
    rest = _part_ctes(parts, _HAS_WON)
    if not named:
        return _statement("n", f"won AS MATERIALIZED ({source})", *rest)
    return _statement("n", f"wanted AS MATERIALIZED ({source})", _TAKEN, _STARTED, *rest)


def _statement(place: str, *ctes: str) -> str:
    return _numbered(f"WITH {', '.join(ctes)} SELECT {place} FROM won")


def _part_ctes(parts: tuple[str, ...], has_won: str) -> list[str]:
    return [f"{part.name} AS ({part.text(has_won)})" for part in ORDER if part.name in parts]


def _numbered(sql: str) -> str:
    """`%b` placeholders as $1, $2, ... in order: psycopg need not parse the statement then."""
    pieces = sql.split("%b")
    numbered = (f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1))
    return "".join(numbered) + pieces[-1]


def append_statement(
    changes: Sequence[Change], *, counted: bool = False
) -> tuple[str, list[Packed]]:
    """SQL and parameters that append `changes`, each to an execution that exists. The statement
    answers the places of those that won. Unless they were `counted`, claims of functions that have
    a limit lose."""
    rows = Rows()
    for n, change in enumerate(changes):
        add_rows(rows, n, change)
    moves = moves_of(changes)
    claimed = [] if counted else [_claimed_name(change) for change in changes]
    uncounted = any(claimed)
    if len(changes) == 1:
        (change,) = changes
        values = (*fence_row(change), *filter(None, claimed), *moved_row(change, moves))
        columns = FENCE + (_CLAIMED if uncounted else ()) + columns_of(moves)
        sql = _lone_append_sql(rows.parts, moves, uncounted)
        return sql, [*pack_values(columns, values), *rows.packed()]
    fences: list[Row] = [(n, *fence_row(change)) for n, change in enumerate(changes)]
    moved = [moved_row(change, moves) for change in changes]
    return _append_sql(rows.parts, moves, uncounted), [
        *pack(_PLACE + FENCE, fences),
        *([Texts(claimed)] if uncounted else []),
        *pack(columns_of(moves), moved),
        *rows.packed(),
    ]


def start_statement(
    changes: Sequence[Change], now: Instant, *, counted: bool = False
) -> tuple[str, list[Packed]]:
    """SQL and parameters that start `changes`. The statement answers the places of those that
    started; the others found their name taken, or were claimed, not `counted`, and are of functions
    that have a limit."""
    rows = Rows()
    for n, change in enumerate(changes):
        add_rows(rows, n, change)
    named = any(change.lock is not None for change in changes)
    head: list[Packed] = [Int4s(range(len(changes)))]
    if named:
        head = pack(_NAMES, [_name_row(n, change, now) for n, change in enumerate(changes)])
    claimed = [] if counted else [_claimed_name(change) for change in changes]
    uncounted = any(claimed)
    if uncounted:
        head.append(Texts(claimed))
    return _start_sql(rows.parts, named, uncounted), [*head, *rows.packed()]


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
