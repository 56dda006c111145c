"""An invocation is handed to a worker, comes back, or is lost."""

from __future__ import annotations

from enum import StrEnum

from perdure_service.domain.debts import has_open_trigger, owes, updated_operation_ids
from perdure_service.domain.decide_checkpoint import current_token
from perdure_service.domain.decide_deleted import function_not_found
from perdure_service.domain.decide_pause import pause_if_asked
from perdure_service.domain.decide_time import tick
from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.events import EventType, InvocationSpan
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    FailureKind,
    Failures,
    InvokeMode,
    Queued,
    Running,
    Sight,
)
from perdure_service.domain.folding import utf8_size
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import InvocationId, WorkerId
from perdure_service.domain.instant import after
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.output import InvalidOutput, Output, OutputStatus, parse_output
from perdure_service.domain.tokens import CheckpointToken


@frozen
class Claim:
    """A worker with a free slot, and the id that the invocation will have."""

    worker_id: WorkerId
    invocation_id: InvocationId


@frozen
class Delivery:
    """What the worker is given: the newest token, and the state up to `upto`."""

    claim: Claim
    token: CheckpointToken
    upto: Sight
    updated_operation_ids: tuple[str, ...]


@frozen
class Returned:
    """The handler returned this text; None stands for bytes that are not UTF-8."""

    output: str | None

    @classmethod
    def of(cls, body: bytes) -> Returned:
        try:
            return cls(body.decode())
        except UnicodeDecodeError:
            return cls(None)


@frozen
class Failed:
    """The invocation ended without an output that counts."""

    kind: FailureKind
    error: ErrorObject


class Ending(StrEnum):
    """What a worker's result did."""

    APPLIED = "applied"
    SUPERSEDED = "superseded"


def decide_claim(execution: Execution, claim: Claim, moment: Moment) -> Decision[Delivery | None]:
    """Give the queued invocation to a worker: a new invocation id and token, no event of its own.
    Answers None, and writes nothing, if no invocation is queued and ready."""
    queued = execution.ledger.invocation
    if (
        execution.is_closed
        or not isinstance(queued, Queued)
        or queued.ready_at > execution.effective_now(moment.clock)
    ):
        return nothing(execution, None)
    draft = Draft(execution, moment)
    tick(draft)
    if draft.is_closed:
        return draft.settle(None)
    ledger = execution.ledger
    upto = Sight(draft.folding.last_event_id, draft.now)
    draft.note(
        invocation=Running(claim.invocation_id, claim.worker_id, draft.now, upto.event_id),
        invocation_id=claim.invocation_id,
        token_seq=ledger.token_seq + 1,
        token_nonce=moment.nonce,
        seen=upto,
        previously_seen=ledger.seen,
        client_token=None,
        token_withheld=False,
    )
    decision = draft.settle(None)
    token = current_token(decision.after)
    updated = updated_operation_ids(decision.after, ledger.suspended, upto)
    return Decision(
        before=decision.before,
        after=decision.after,
        events=decision.events,
        answer=Delivery(claim, token, upto, updated),
        touched_timers=decision.touched_timers,
    )


def decide_unclaim(
    execution: Execution, invocation_id: InvocationId, moment: Moment
) -> Decision[None]:
    """The worker never confirmed: the invocation is ready again, no event of its own."""
    running = execution.ledger.invocation
    if not isinstance(running, Running) or running.id != invocation_id:
        return nothing(execution, None)
    draft = Draft(execution, moment)
    draft.note(invocation=None)
    draft.wake()
    pause_if_asked(draft)
    return draft.settle(None)


def decide_function_deleted(
    execution: Execution, undelivered: InvocationId | None, moment: Moment
) -> Decision[None]:
    """The queued invocation can never be made, or the `undelivered` one that was claimed: its
    function is gone. The execution fails."""
    invocation = execution.ledger.invocation
    waits = isinstance(invocation, Queued) or (
        isinstance(invocation, Running) and invocation.id == undelivered
    )
    if execution.is_closed or not waits:
        return nothing(execution, None)
    draft = Draft(execution, moment)
    draft.note(invocation=None)
    draft.close(EventType.EXECUTION_FAILED, error=function_not_found(execution.identity))
    return draft.settle(None)


def decide_invocation_end(
    execution: Execution,
    invocation_id: InvocationId,
    outcome: Returned | Failed,
    moment: Moment,
    policy: RetryPolicy,
    limits: Limits,
) -> Decision[Ending]:
    """Record that the invocation ended, and what follows: the execution closes, pauses, waits, or
    is invoked again. The result of an invocation that is no longer the running one is dropped."""
    running = execution.ledger.invocation
    if not isinstance(running, Running) or running.id != invocation_id:
        return nothing(execution, Ending.SUPERSEDED)
    draft = Draft(execution, moment)
    draft.note(invocation=None)
    draft.emit(
        EventType.INVOCATION_COMPLETED,
        error=outcome.error if isinstance(outcome, Failed) else None,
        detail=InvocationSpan(running.id, running.started_at, draft.now),
    )
    if not draft.is_closed:
        if isinstance(outcome, Failed):
            _fail(draft, outcome, policy)
        elif execution.identity.durable:
            _return_durable(draft, running, outcome.output, policy, limits)
        else:
            _return_plain(draft, outcome.output, limits)
    pause_if_asked(draft)
    return draft.settle(Ending.APPLIED)


def _return_durable(
    draft: Draft, running: Running, text: str | None, policy: RetryPolicy, limits: Limits
) -> None:
    output = parse_output(text)
    match output:
        case InvalidOutput(message=message):
            _close_invalid(draft, message)
        case Output(status=OutputStatus.SUCCEEDED):
            _succeed(draft, output.result, limits)
        case Output(status=OutputStatus.FAILED):
            _fail_durable(draft, output.error or ErrorObject(), limits)
        case _:
            _suspend(draft, running, policy)


def _suspend(draft: Draft, running: Running, policy: RetryPolicy) -> None:
    execution = draft.before
    ledger = execution.ledger
    # An answer that told it to stop is thrown away with all that it brought.
    shown = ledger.previously_seen if ledger.token_withheld else ledger.seen
    is_owed = ledger.token_withheld or owes(execution, running, draft.now)
    waits = has_open_trigger(execution, draft.now)
    if is_owed or waits or draft.status is ExecutionStatus.PAUSING:
        draft.note(failures=None, suspended=shown)
        if is_owed or not waits:
            draft.wake()
    else:
        error = ErrorObject(
            type="InvalidParameterValueException",
            message="Cannot return PENDING status with no pending operations.",
        )
        _fail(draft, Failed(FailureKind.IDLE_PENDING, error), policy)


def _succeed(draft: Draft, result: str | None, limits: Limits) -> None:
    synchronous = draft.before.identity.mode is InvokeMode.REQUEST_RESPONSE
    limit = limits.sync_output_bytes if synchronous else limits.async_output_bytes
    if utf8_size(result) > limit:
        _close_invalid(
            draft, f"Execution output payload size must be less than or equal to {limit} bytes."
        )
    else:
        draft.close(EventType.EXECUTION_SUCCEEDED, payload=result)


def _fail_durable(draft: Draft, error: ErrorObject, limits: Limits) -> None:
    limit = limits.error_bytes
    if error.size_bytes > limit:
        _close_invalid(draft, f"Error object size must be less than or equal to {limit} bytes.")
    else:
        draft.close(EventType.EXECUTION_FAILED, error=error)


def _return_plain(draft: Draft, text: str | None, limits: Limits) -> None:
    """A plain function may return anything; whoever waits for it must be able to read it."""
    mode, limit = draft.before.identity.mode, limits.sync_output_bytes
    if utf8_size(text) > limit:
        size = f"Response payload size exceeded maximum allowed payload size ({limit} bytes)."
        error = ErrorObject(type="Function.ResponseSizeTooLarge", message=size)
        draft.close(EventType.EXECUTION_FAILED, error=error)
    elif text is not None or mode is InvokeMode.EVENT:
        draft.close(EventType.EXECUTION_SUCCEEDED, payload=text)
    elif mode is InvokeMode.CHAINED:
        _close_invalid(draft, "CHAINED_INVOKE response could not be decoded as UTF-8.")
    else:
        _close_invalid(draft, "The function's response is not UTF-8 text: encode it, as in base64.")


def _close_invalid(draft: Draft, message: str) -> None:
    error = ErrorObject(type="InvalidParameterValueException", message=message)
    draft.close(EventType.EXECUTION_FAILED, error=error)


def _fail(draft: Draft, outcome: Failed, policy: RetryPolicy) -> None:
    """Invoke again later, or close the execution if the budget for such failures is spent."""
    before = draft.before.ledger.failures
    same = before is not None and before.kind is outcome.kind
    failures = Failures(
        count=before.count + 1 if before is not None else 1,
        kind=outcome.kind,
        streak=before.streak + 1 if before is not None and same else 1,
        error=outcome.error,
    )
    delay_seconds = _retry_delay_seconds(draft, failures, policy)
    draft.note(failures=failures)
    if delay_seconds is None:
        draft.close(EventType.EXECUTION_FAILED, error=outcome.error)
    else:
        draft.note(invocation_retries=draft.before.ledger.invocation_retries + 1)
        draft.wake(at=after(draft.now, delay_seconds))


def _retry_delay_seconds(draft: Draft, failures: Failures, policy: RetryPolicy) -> float | None:
    identity = draft.before.identity
    if not identity.durable:
        delays = policy.async_plain_retry_delays_seconds
        retries = identity.mode is InvokeMode.EVENT and failures.count <= len(delays)
        return delays[failures.count - 1] if retries else None
    match failures.kind:
        case FailureKind.IDLE_PENDING:
            spent = failures.streak >= policy.max_idle_pending
            return None if spent else policy.idle_pending_delay_seconds
        case FailureKind.INIT if policy.max_init_failures is not None:
            if failures.streak >= policy.max_init_failures:
                return None
        case _ if policy.max_failures is not None and failures.count >= policy.max_failures:
            return None
    return policy.delay_seconds(failures.count)
