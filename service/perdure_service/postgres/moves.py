"""What an append does to the row of an execution that exists: the fence, and the columns that
move."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain

from perdure_service.domain.execution import Execution, Held
from perdure_service.postgres.arrays import (
    Bools,
    Instants,
    Int2s,
    Int4s,
    Int8s,
    Jsonbs,
    Texts,
    Uuids,
)
from perdure_service.postgres.codec import encode_failures, encode_pausing, encode_requests
from perdure_service.postgres.parts import Columns, Row
from perdure_service.postgres.rows import Change, invocation_columns

FENCE: Columns = (
    ("part", Int2s),
    ("id", Uuids),
    ("expected_version", Int8s),
    ("expected_nonce", Int8s),
)


@dataclass(frozen=True, slots=True, eq=False)
class Moves:
    """Columns that move together, and what they become."""

    columns: Columns
    row: Callable[[Execution], Row]


def _checkpointed(now: Execution) -> Row:
    ledger = now.ledger
    return (
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


_CHECKPOINTED = Moves(
    (
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
    ),
    _checkpointed,
)
"""What a checkpoint moves: no indexed column, so the update stays on its page."""


def _invoked(now: Execution) -> Row:
    ledger = now.ledger
    return (
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


_INVOKED = Moves(
    (
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
    ),
    _invoked,
)
"""What only claims, ends and closings move besides."""


def _steered(now: Execution) -> Row:
    ledger = now.ledger
    held = ledger.invocation
    return (
        held.ready_at if isinstance(held, Held) else None,
        ledger.token_withheld,
        encode_pausing(ledger.pausing),
        encode_requests(ledger.requests),
        ledger.deletion_requested_at,
    )


_STEERED = Moves(
    (
        ("invocation_held_at", Instants),
        ("token_withheld", Bools),
        ("pausing", Jsonbs),
        ("requests", Jsonbs),
        ("deletion_requested_at", Instants),
    ),
    _steered,
)
"""What only operators move, or an answer that stops a function for them."""


def moves_of(changes: Sequence[Change]) -> tuple[Moves, ...]:
    """What these changes move between them."""
    moves = [_CHECKPOINTED]
    if any(_moves_invocation(change) for change in changes):
        moves.append(_INVOKED)
    if any(_moves_what_is_steered(change) for change in changes):
        moves.append(_STEERED)
    return tuple(moves)


def columns_of(moves: Sequence[Moves]) -> Columns:
    return tuple(chain.from_iterable(some.columns for some in moves))


def fence_row(change: Change) -> Row:
    """Where the decision saw the execution."""
    before = change.before
    assert before is not None
    return before.identity.part, before.id, before.ledger.version, before.ledger.nonce


def moved_row(change: Change, moves: Sequence[Moves]) -> Row:
    """Where it stands now."""
    return tuple(chain.from_iterable(some.row(change.after) for some in moves))


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
