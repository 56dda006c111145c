"""One update of a checkpoint: checked against the stored operation, then turned into events."""

from __future__ import annotations

from collections.abc import Callable

from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decision import Draft, Moment, NewExecution
from perdure_service.domain.errors import InvalidCheckpoint
from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    ContextClosed,
    EventType,
    WaitTimes,
)
from perdure_service.domain.execution import InvokeMode
from perdure_service.domain.folding import utf8_size
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import after
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import (
    ALLOWED_ACTIONS,
    Action,
    ErrorObject,
    Operation,
    OperationType,
    OperationUpdate,
    Status,
    next_status,
)

IssueCallbackId = Callable[[str, str], str]
"""Execution id and operation id to the callback id that the outside world will use."""


@frozen
class ResolvedTarget:
    """A chained target that exists: the child to start, with the random bits of its first write."""

    child: NewExecution
    nonce: int


@frozen
class RefusedTarget:
    """A chained target that cannot be invoked; the operation fails in this very answer."""

    error: ErrorObject


@frozen
class IllegalTarget:
    """A chained target that no checkpoint may ask for; `message` is Lambda's text."""

    message: str


Target = ResolvedTarget | RefusedTarget | IllegalTarget


def apply_update(
    draft: Draft,
    update: OperationUpdate,
    target: Target | None,
    limits: Limits,
    issue_callback_id: IssueCallbackId,
) -> None:
    """Append the events of `update`. Raises InvalidCheckpoint with Lambda's text."""
    operation = _stored(draft, update)
    if operation is not None:
        _check_metadata(operation, update)
    if update.error is not None and update.error.size_bytes > limits.error_bytes:
        raise InvalidCheckpoint(
            f"Error object size must be less than or equal to {limits.error_bytes} bytes."
        )
    if (update.type, update.action) not in ALLOWED_ACTIONS:
        raise InvalidCheckpoint("Invalid action for the given operation type.")
    status = operation.status_at(draft.now) if operation is not None else None
    following = next_status(update.type, status, update.action)
    _check_payload(draft, update, limits)
    match update.type:
        case OperationType.EXECUTION:
            _close_execution(draft, update)
        case OperationType.CONTEXT:
            _apply_context(draft, update)
        case OperationType.STEP:
            _apply_step(draft, update, operation, following)
        case OperationType.WAIT:
            _apply_wait(draft, update)
        case OperationType.CALLBACK:
            _open_callback(draft, update, issue_callback_id)
        case OperationType.CHAINED_INVOKE:
            _start_chained(draft, update, target)


def _stored(draft: Draft, update: OperationUpdate) -> Operation | None:
    """An EXECUTION update may carry any id: it is always about the execution itself."""
    if update.type is OperationType.EXECUTION:
        return draft.before.execution_operation()
    if update.id == draft.before.id:
        return draft.before.execution_operation()
    return draft.operation(update.id)


def _check_metadata(operation: Operation, update: OperationUpdate) -> None:
    if update.type is not operation.type:
        raise InvalidCheckpoint("Inconsistent operation type.")
    if update.type is OperationType.EXECUTION:
        return
    if update.sub_type is not None and update.sub_type != operation.sub_type:
        raise InvalidCheckpoint("Inconsistent operation subtype.")
    if update.name is not None and update.name != operation.name:
        raise InvalidCheckpoint("Inconsistent operation name.")
    if update.parent_id is not None and update.parent_id != operation.parent_id:
        raise InvalidCheckpoint("Inconsistent parent operation id.")


def _check_payload(draft: Draft, update: OperationUpdate, limits: Limits) -> None:
    retries = update.action is Action.RETRY
    if update.type is OperationType.STEP and update.has_step_options and not retries:
        raise InvalidCheckpoint("Invalid StepOptions for the given action.")
    if update.action is Action.SUCCEED and update.error is not None:
        raise InvalidCheckpoint("Cannot provide an Error for SUCCEED action.")
    if update.action is Action.FAIL and update.payload is not None:
        raise InvalidCheckpoint("Cannot provide a Payload for FAIL action.")
    size = utf8_size(update.payload)
    if update.type is OperationType.EXECUTION:
        synchronous = draft.before.identity.mode is InvokeMode.REQUEST_RESPONSE
        limit = limits.sync_output_bytes if synchronous else limits.async_output_bytes
        what = "Execution output"
    elif update.type is OperationType.CHAINED_INVOKE:
        limit, what = limits.operation_payload_bytes, "CHAINED_INVOKE input"
    else:
        limit, what = limits.operation_payload_bytes, f"{update.type} output"
    if size > limit:
        raise InvalidCheckpoint(f"{what} payload size must be less than or equal to {limit} bytes.")


def _close_execution(draft: Draft, update: OperationUpdate) -> None:
    if update.action is Action.SUCCEED:
        draft.close(EventType.EXECUTION_SUCCEEDED, payload=update.payload)
    else:
        draft.close(EventType.EXECUTION_FAILED, error=update.error or ErrorObject())


def _apply_context(draft: Draft, update: OperationUpdate) -> None:
    match update.action:
        case Action.START:
            draft.emit(EventType.CONTEXT_STARTED, of=update)
        case Action.SUCCEED:
            draft.emit(
                EventType.CONTEXT_SUCCEEDED,
                of=update,
                payload=update.payload,
                detail=ContextClosed(bool(update.replay_children)),
            )
        case _:
            draft.emit(EventType.CONTEXT_FAILED, of=update, error=update.error or ErrorObject())


def _apply_step(
    draft: Draft, update: OperationUpdate, operation: Operation | None, following: Status
) -> None:
    number = (operation.attempt if operation is not None else 0) + 1
    match following:
        case Status.STARTED:
            draft.emit(EventType.STEP_STARTED, of=update)
        case Status.SUCCEEDED:
            draft.emit(
                EventType.STEP_SUCCEEDED, of=update, payload=update.payload, detail=Attempt(number)
            )
        case Status.FAILED:
            draft.emit(
                EventType.STEP_FAILED,
                of=update,
                error=update.error or ErrorObject(),
                detail=Attempt(number),
            )
        case _:
            _retry_step(draft, update, number)


def _retry_step(draft: Draft, update: OperationUpdate, number: int) -> None:
    if update.step_delay_seconds is None:
        raise InvalidCheckpoint("Invalid StepOptions for the given action.")
    if update.error is not None and update.payload is not None:
        raise InvalidCheckpoint("Cannot provide both error and payload to RETRY a STEP.")
    failed = update.error is not None
    draft.emit(
        EventType.STEP_FAILED if failed else EventType.STEP_SUCCEEDED,
        of=update,
        payload=update.payload,
        error=update.error,
        detail=Attempt(number, update.step_delay_seconds),
    )


def _apply_wait(draft: Draft, update: OperationUpdate) -> None:
    if update.action is Action.CANCEL:
        draft.emit(EventType.WAIT_CANCELLED, of=update, error=update.error)
        return
    if update.wait_seconds is None:
        raise InvalidCheckpoint("Update for WAIT operation requires WaitOptions.")
    times = WaitTimes(update.wait_seconds, after(draft.now, update.wait_seconds))
    draft.emit(EventType.WAIT_STARTED, of=update, detail=times)


def _open_callback(
    draft: Draft, update: OperationUpdate, issue_callback_id: IssueCallbackId
) -> None:
    draft.emit(
        EventType.CALLBACK_STARTED,
        of=update,
        detail=CallbackOpened(
            issue_callback_id(draft.before.id, update.id),
            update.callback_timeout_seconds or None,
            update.callback_heartbeat_seconds or None,
        ),
    )


def _start_chained(draft: Draft, update: OperationUpdate, target: Target | None) -> None:
    if update.function_name is None or target is None:
        raise InvalidCheckpoint(
            "Update for CHAINED_INVOKE operation requires ChainedInvokeOptions."
        )
    if isinstance(target, IllegalTarget):
        raise InvalidCheckpoint(target.message)
    if isinstance(target, RefusedTarget):
        refused = ChainedTarget(update.function_name)
        draft.emit(EventType.CHAINED_INVOKE_STARTED, of=update, detail=refused)
        draft.emit(EventType.CHAINED_INVOKE_FAILED, of=update, error=target.error)
        return
    child = target.child.identity
    draft.emit(
        EventType.CHAINED_INVOKE_STARTED,
        of=update,
        payload=update.payload,
        detail=ChainedTarget(
            function_name=update.function_name,
            tenant_id=update.tenant_id,
            executed_version=child.version,
            execution_arn=child.arn if child.durable else None,
        ),
    )
    draft.children.append(decide_start(target.child, Moment(draft.now, target.nonce)))
