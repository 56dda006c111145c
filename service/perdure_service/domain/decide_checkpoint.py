"""A function checkpoints: Lambda's rules for updates, and the answer that shows what changed.

Order of the checks, as Lambda has it: a repeated ClientToken, the token, the request as a whole,
duplicates and parents, then each update in turn. A refusal leaves everything as it was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from perdure_service.domain.apply_update import IssueCallbackId, Target, apply_update
from perdure_service.domain.decide_time import tick
from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.errors import InvalidCheckpoint, InvalidCheckpointToken
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import Execution, ExecutionStatus, Ledger, Running, Sight
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import CLIENT_TOKEN_WINDOW_SECONDS, Limits
from perdure_service.domain.operations import (
    Action,
    ErrorObject,
    OperationType,
    OperationUpdate,
)
from perdure_service.domain.tokens import CheckpointToken


@frozen
class Checkpoint:
    """A checkpoint as asked for. `targets` are the resolved functions of its CHAINED_INVOKE
    starts, by operation id."""

    token: CheckpointToken
    updates: Sequence[OperationUpdate]
    client_token: str | None = None
    targets: Mapping[str, Target] = field(default_factory=dict)


@frozen
class Accepted:
    """What to show: all that changed after `since` up to `upto`, and the next token; None tells
    the function to stop, since the execution has closed or is about to pause."""

    token: CheckpointToken | None
    since: Sight
    upto: Sight
    changed: tuple[str, ...]


@frozen
class Repeated:
    """The last checkpoint again, its answer lost on the wire: give the same answer, made from the
    log up to `upto`. `token` is None if it was withheld, or the execution had closed by then."""

    token: CheckpointToken | None
    since: Sight
    upto: Sight


def decide_checkpoint(
    execution: Execution,
    checkpoint: Checkpoint,
    moment: Moment,
    limits: Limits,
    issue_callback_id: IssueCallbackId,
) -> Decision[Accepted | Repeated]:
    """Apply all updates and rotate the token, or raise and change nothing. If the execution closes
    or a pause was asked for, the new token is withheld.

    Raises InvalidCheckpointToken if the token is not the newest of the running invocation, and
    InvalidCheckpoint with Lambda's text for the first rule that is broken.
    """
    ledger = execution.ledger
    if _repeats(ledger, checkpoint, execution.effective_now(moment.clock)):
        token = None if ledger.token_withheld else current_token(execution)
        return nothing(execution, Repeated(token, ledger.previously_seen, ledger.seen))
    require_current(execution, checkpoint.token)
    draft = Draft(execution, moment)
    tick(draft)
    if draft.is_closed:
        raise InvalidCheckpointToken
    _check_request(checkpoint.updates)
    _check_duplicates_and_parents(execution, checkpoint.updates)
    for update in checkpoint.updates:
        apply_update(draft, update, checkpoint.targets.get(update.id), limits, issue_callback_id)
    _close_if_over_quota(draft, limits)
    changed = tuple(draft.folding.unseen_ids())
    upto = Sight(draft.folding.last_event_id, draft.now)
    withheld = draft.status is not ExecutionStatus.RUNNING
    draft.note(
        token_withheld=withheld,
        token_seq=ledger.token_seq + 1,
        token_nonce=moment.nonce,
        seen=upto,
        previously_seen=ledger.seen,
        client_token=checkpoint.client_token,
    )
    token = None if withheld else _next_token(checkpoint.token, moment.nonce)
    return draft.settle(Accepted(token=token, since=ledger.seen, upto=upto, changed=changed))


def require_current(execution: Execution, token: CheckpointToken) -> None:
    """Raises InvalidCheckpointToken unless `token` is the newest of the running invocation."""
    ledger = execution.ledger
    if (
        ledger.token_withheld
        or not isinstance(ledger.invocation, Running)
        or execution.is_closed
        or token != current_token(execution)
    ):
        raise InvalidCheckpointToken


def current_token(execution: Execution) -> CheckpointToken:
    """The one token that is valid now, if an invocation is running."""
    ledger = execution.ledger
    if ledger.invocation_id is None:
        raise InvalidCheckpointToken
    return CheckpointToken(
        execution_id=execution.id,
        invocation_id=ledger.invocation_id,
        seq=ledger.token_seq,
        nonce=ledger.token_nonce,
    )


def _next_token(token: CheckpointToken, nonce: int) -> CheckpointToken:
    return CheckpointToken(token.execution_id, token.invocation_id, token.seq + 1, nonce)


def _repeats(ledger: Ledger, checkpoint: Checkpoint, now: Instant) -> bool:
    return (
        checkpoint.client_token is not None
        and checkpoint.client_token == ledger.client_token
        and checkpoint.token.invocation_id == ledger.invocation_id
        and checkpoint.token.seq == ledger.token_seq - 1
        and now <= after(ledger.seen.now, CLIENT_TOKEN_WINDOW_SECONDS)
    )


def _check_request(updates: Sequence[OperationUpdate]) -> None:
    closing = [n for n, update in enumerate(updates) if update.type is OperationType.EXECUTION]
    if len(closing) > 1:
        raise InvalidCheckpoint("Cannot checkpoint multiple EXECUTION updates.")
    if closing and closing[0] != len(updates) - 1:
        raise InvalidCheckpoint("EXECUTION checkpoint must be the last update.")


def _check_duplicates_and_parents(execution: Execution, updates: Sequence[OperationUpdate]) -> None:
    last: dict[str, OperationUpdate] = {}
    contexts: set[str] = set()
    for update in updates:
        before = last.get(update.id)
        if before is not None and not _may_follow(before, update):
            raise InvalidCheckpoint("Cannot checkpoint multiple operations with the same ID.")
        last[update.id] = update
        if update.parent_id is not None and update.parent_id not in contexts:
            parent = execution.operations.get(update.parent_id)
            if parent is None or parent.type is not OperationType.CONTEXT:
                raise InvalidCheckpoint("Invalid parent operation id.")
        if update.type is OperationType.CONTEXT and update.action is Action.START:
            contexts.add(update.id)


def _may_follow(before: OperationUpdate, update: OperationUpdate) -> bool:
    """In one request only a STEP or a CONTEXT may be started and, with the next update of it, be
    something else."""
    return (
        before.type in (OperationType.STEP, OperationType.CONTEXT)
        and before.action is Action.START
        and update.action is not Action.START
    )


def _close_if_over_quota(draft: Draft, limits: Limits) -> None:
    if draft.is_closed:
        return
    if draft.folding.operation_count > limits.operations:
        what = f"{limits.operations} durable operations"
    elif draft.folding.stored_bytes > limits.stored_bytes:
        what = f"{limits.stored_bytes} bytes of storage written"
    else:
        return
    error = ErrorObject(
        type="DurableExecutionQuotaExceeded",
        message=f"The execution exceeded its quota of {what}. Split it into chained executions.",
    )
    draft.close(EventType.EXECUTION_FAILED, error=error)
