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

from collections.abc import Sequence
from functools import cache

from perdure_service.domain.execution import Execution, Held, Running
from perdure_service.domain.instant import Instant
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
from perdure_service.postgres.codec import encode_failures, encode_pausing, encode_requests
from perdure_service.postgres.function_limits import LIMITED
from perdure_service.postgres.parts import ORDER, Columns, Row, pack, unnest
from perdure_service.postgres.rows import Change, Rows, add_rows, invocation_columns

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
    ("purge_at", Instants),
    ("invocation_id", Uuids),
    ("invocation_ready_at", Instants),
    ("invocation_worker_id", Uuids),
    ("invocation_started_at", Instants),
    ("invocation_claimed_event_id", Int4s),
    ("failures", Jsonbs),
    ("suspended_event_id", Int4s),
    ("suspended_now", Instants),
    ("invocation_retries", Int4s),
)
"""What only claims, ends and closings move besides."""

_STEERED: Columns = (
    ("invocation_held_at", Instants),
    ("token_withheld", Bools),
    ("pausing", Jsonbs),
    ("requests", Jsonbs),
    ("deletion_requested_at", Instants),
)
"""What only operators move, or an answer that stops a function for them."""

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

_UNNAMED: Columns = (("n", Int4s),)

_STARTED = """won AS MATERIALIZED (
  SELECT n FROM wanted WHERE name IS NULL
      OR execution_id IN (SELECT execution_id FROM taken))"""


@cache
def _append_sql(parts: tuple[str, ...], whole: bool, steered: bool, uncounted: bool = False) -> str:
    moving = _moving(whole, steered)
    assignments = ", ".join(f"{name} = w.{name}" for name, _ in moving)
    rows = f"SELECT * FROM {unnest(_FENCE + moving + (_CLAIMED if uncounted else ()))}"
    command = f"command AS MATERIALIZED ({rows}{_UNCOUNTED if uncounted else ''})"
    moved = (
        f"moved AS (UPDATE execution e SET {assignments} FROM won w"
        " WHERE (e.part, e.id) = (w.part, w.id))"
    )
    return _statement(command, _WON, moved, *_part_ctes(parts))


def _moving(whole: bool, steered: bool) -> Columns:
    return _CHECKPOINTED + (_INVOKED if whole else ()) + (_STEERED if steered else ())


@cache
def _start_sql(parts: tuple[str, ...], named: bool, uncounted: bool = False) -> str:
    columns = (_NAMES if named else _UNNAMED) + (_CLAIMED if uncounted else ())
    source = f"SELECT * FROM {unnest(columns)}{_UNCOUNTED if uncounted else ''}"
    if not named:
        return _statement(f"won AS MATERIALIZED ({source})", *_part_ctes(parts))
    wanted = f"wanted AS MATERIALIZED ({source})"
    return _statement(wanted, _TAKEN, _STARTED, *_part_ctes(parts))


def _statement(*ctes: str) -> str:
    return _numbered(f"WITH {', '.join(ctes)} SELECT n FROM won")


def _part_ctes(parts: tuple[str, ...]) -> list[str]:
    return [f"{part.name} AS ({part.text()})" for part in ORDER if part.name in parts]


def _numbered(sql: str) -> str:
    """`%b` placeholders as $1, $2, ... in order: psycopg need not parse the statement then."""
    pieces = sql.split("%b")
    numbered = (f"{piece}${n}" for n, piece in enumerate(pieces[:-1], 1))
    return "".join(numbered) + pieces[-1]


def append_statement(
    changes: Sequence[Change], *, counted: bool = False
) -> tuple[str, list[PackedArray]]:
    """SQL and parameters that append `changes`, each to an execution that exists. The statement
    answers the places of those that won. Unless they were `counted`, claims of functions that have
    a limit lose."""
    rows = Rows()
    commands: list[Row] = []
    whole = any(_moves_invocation(change) for change in changes)
    steered = any(_moves_what_is_steered(change) for change in changes)
    for n, change in enumerate(changes):
        assert change.before is not None
        commands.append(_command_row(n, change.before, change.after, whole, steered))
        add_rows(rows, n, change)
    head = pack(_FENCE + _moving(whole, steered), commands)
    claims = [] if counted else _claims(changes)
    sql = _append_sql(rows.parts, whole, steered, uncounted=bool(claims))
    return sql, head + claims + rows.packed()


def start_statement(
    changes: Sequence[Change], now: Instant, *, counted: bool = False
) -> tuple[str, list[PackedArray]]:
    """SQL and parameters that start `changes`. The statement answers the places of those that
    started; the others found their name taken, or were claimed, not `counted`, and are of functions
    that have a limit."""
    rows = Rows()
    for n, change in enumerate(changes):
        add_rows(rows, n, change)
    named = any(change.lock is not None for change in changes)
    head: list[PackedArray] = [Int4s(range(len(changes)))]
    if named:
        head = pack(_NAMES, [_name_row(n, change, now) for n, change in enumerate(changes)])
    claims = [] if counted else _claims(changes)
    sql = _start_sql(rows.parts, named, uncounted=bool(claims))
    return sql, head + claims + rows.packed()


def _claims(changes: Sequence[Change]) -> list[PackedArray]:
    """The one column of _CLAIMED; none if nothing is claimed."""
    names = [_claimed_name(change) for change in changes]
    return [Texts(names)] if any(names) else []


def _claimed_name(change: Change) -> str | None:
    before, after_ = change.before, change.after
    if not isinstance(after_.ledger.invocation, Running):
        return None
    if before is not None and before.ledger.invocation_id == after_.ledger.invocation_id:
        return None
    return after_.identity.function_name


def _moves_invocation(change: Change) -> bool:
    before, after_ = change.before, change.after
    assert before is not None
    return (
        before.ledger.invocation is not after_.ledger.invocation
        or before.ledger.failures is not after_.ledger.failures
        or before.status is not after_.status
    )


def _moves_what_is_steered(change: Change) -> bool:
    before, after_ = change.before, change.after
    assert before is not None
    one, other = before.ledger, after_.ledger
    return (
        one.token_withheld is not other.token_withheld
        or one.pausing is not other.pausing
        or one.requests is not other.requests
        or one.deletion_requested_at is not other.deletion_requested_at
        or isinstance(one.invocation, Held) is not isinstance(other.invocation, Held)
    )


def _command_row(n: int, before: Execution, now: Execution, whole: bool, steered: bool) -> Row:
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
    if whole:
        row = (
            *row,
            now.status.value,
            now.ended_at,
            now.purge_at,
            ledger.invocation_id,
            *invocation_columns(ledger.invocation),
            encode_failures(ledger.failures),
            ledger.suspended.event_id,
            ledger.suspended.now,
            ledger.invocation_retries,
        )
    if steered:
        held = ledger.invocation
        row = (
            *row,
            held.ready_at if isinstance(held, Held) else None,
            ledger.token_withheld,
            encode_pausing(ledger.pausing),
            encode_requests(ledger.requests),
            ledger.deletion_requested_at,
        )
    return row


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
