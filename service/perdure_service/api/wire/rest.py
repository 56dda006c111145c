"""Executions in a form for people: snake case, ISO-8601, payloads as the JSON that they are."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from perdure_service.api.wire.times import iso
from perdure_service.application.list_executions import ExecutionList
from perdure_service.application.read import HistoryPage
from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    Event,
    InvocationSpan,
    PauseAsked,
    ResumeAsked,
    WaitTimes,
)
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Failures,
    Held,
    Identity,
    InvocationState,
    Queued,
    Running,
)
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject, Operation, OperationType, Status
from perdure_service.ports.search import ExecutionSummary


class _View(BaseModel):
    model_config = ConfigDict(frozen=True)


class ErrorView(_View):
    type: str | None
    message: str | None
    data: str | None = None
    stack_trace: list[str] | None = None


class ExecutionLine(_View):
    arn: str
    id: str
    name: str
    function: str
    version: str
    status: ExecutionStatus
    started_at: str
    ended_at: str | None
    operation_count: int


class ExecutionLines(_View):
    """`next` is the path of the next page."""

    executions: list[ExecutionLine]
    next: str | None


class FailureView(_View):
    """Invocations that failed in a row, and how the last one did."""

    in_a_row: int
    kind: str
    error: ErrorView


class PauseView(_View):
    """A pause that was asked for; it holds from `paused_at` on."""

    requested_at: str
    paused_at: str | None
    execution_timeout_paused: bool
    reason: str | None


class InvocationView(_View):
    """The one invocation that runs, waits for `next_try_at` and a worker, or is held by a pause."""

    state: str
    id: str | None = None
    worker_id: str | None = None
    started_at: str | None = None
    next_try_at: str | None = None


class OperationView(_View):
    id: str
    type: OperationType
    sub_type: str | None
    name: str | None
    parent_id: str | None
    status: Status
    attempts: int | None
    started_at: str
    ended_at: str | None
    due_at: str | None
    next_attempt_at: str | None
    callback_id: str | None
    result: Any
    error: ErrorView | None


class ExecutionView(_View):
    arn: str
    id: str
    name: str
    function: str
    version: str
    function_arn: str
    status: ExecutionStatus
    started_at: str
    ended_at: str | None
    times_out_at: str
    input: Any
    result: Any
    error: ErrorView | None
    pause: PauseView | None
    deletion_requested_at: str | None
    invocation: InvocationView | None
    failures: FailureView | None
    operation_count: int
    metered_operations: int
    stored_bytes: int
    operations: list[OperationView]


class EventView(_View):
    id: int
    type: str
    at: str
    operation_id: str | None
    parent_id: str | None
    sub_type: str | None
    name: str | None
    payload: Any
    error: ErrorView | None
    detail: dict[str, Any] | None


class EventLines(_View):
    """`next` is the path of the next page."""

    events: list[EventView]
    next: str | None


def execution_lines(listed: ExecutionList, next_path: str | None) -> ExecutionLines:
    return ExecutionLines(executions=[_line(one) for one in listed.executions], next=next_path)


def execution_view(execution: Execution, now: Instant) -> ExecutionView:
    identity = execution.identity
    return ExecutionView(
        **_name(identity),
        function_arn=identity.function_arn,
        status=execution.status,
        started_at=iso(identity.started_at),
        ended_at=_iso(execution.ended_at),
        times_out_at=iso(execution.times_out_at),
        input=_json_value(execution.input),
        result=_json_value(execution.result),
        error=_error(execution.error),
        pause=_pause(execution),
        deletion_requested_at=_iso(execution.ledger.deletion_requested_at),
        invocation=_invocation(execution.ledger.invocation),
        failures=_failures(execution.ledger.failures),
        operation_count=execution.operation_count,
        metered_operations=execution.metered_operations,
        stored_bytes=execution.stored_bytes,
        operations=[
            _operation(operation, now) for operation in _in_order(execution.operations.values())
        ],
    )


def event_lines(page: HistoryPage, next_path: str | None) -> EventLines:
    return EventLines(events=[_event(event) for event in page.events], next=next_path)


def _line(summary: ExecutionSummary) -> ExecutionLine:
    return ExecutionLine(
        **_name(summary.identity),
        status=summary.status,
        started_at=iso(summary.identity.started_at),
        ended_at=_iso(summary.ended_at),
        operation_count=summary.operation_count,
    )


def _name(identity: Identity) -> dict[str, str]:
    return {
        "arn": identity.arn,
        "id": identity.id,
        "name": identity.name,
        "function": identity.function_name,
        "version": identity.version,
    }


def _in_order(operations: Iterable[Operation]) -> list[Operation]:
    return sorted(operations, key=lambda operation: operation.sequence)


def _operation(operation: Operation, now: Instant) -> OperationView:
    status = operation.status_at(now)
    return OperationView(
        id=operation.id,
        type=operation.type,
        sub_type=operation.sub_type,
        name=operation.name,
        parent_id=operation.parent_id,
        status=status,
        attempts=operation.attempt if operation.type is OperationType.STEP else None,
        started_at=iso(operation.started_at),
        ended_at=_iso(operation.ended_at),
        due_at=_iso(operation.due_at),
        next_attempt_at=_iso(operation.next_attempt_at) if status is Status.PENDING else None,
        callback_id=operation.callback_id,
        result=_json_value(operation.result),
        error=_error(operation.error),
    )


def _pause(execution: Execution) -> PauseView | None:
    pause = execution.pause
    asked = pause.asked if pause is not None else execution.ledger.pausing
    if asked is None:
        return None
    return PauseView(
        requested_at=iso(asked.requested_at),
        paused_at=None if pause is None else iso(pause.began_at),
        execution_timeout_paused=asked.execution_timeout_paused,
        reason=asked.reason,
    )


def _invocation(invocation: InvocationState | None) -> InvocationView | None:
    match invocation:
        case Running():
            return InvocationView(
                state="running",
                id=invocation.id,
                worker_id=invocation.worker_id,
                started_at=iso(invocation.started_at),
            )
        case Queued(ready_at=ready_at):
            return InvocationView(state="queued", next_try_at=iso(ready_at))
        case Held(ready_at=ready_at):
            return InvocationView(state="held", next_try_at=iso(ready_at))
        case None:
            return None


def _failures(failures: Failures | None) -> FailureView | None:
    if failures is None:
        return None
    error = _error(failures.error)
    assert error is not None
    return FailureView(in_a_row=failures.count, kind=failures.kind.value, error=error)


def _event(event: Event) -> EventView:
    return EventView(
        id=event.id,
        type=event.type.value,
        at=iso(event.at),
        operation_id=event.operation_id,
        parent_id=event.parent_id,
        sub_type=event.sub_type,
        name=event.name,
        payload=_json_value(event.payload),
        error=_error(event.error),
        detail=_detail(event.detail),
    )


def _detail(detail: object) -> dict[str, Any] | None:
    match detail:
        case PauseAsked(requested_at=requested_at, execution_timeout_paused=paused):
            return {"requested_at": iso(requested_at), "execution_timeout_paused": paused}
        case ResumeAsked(requested_at=requested_at):
            return {"requested_at": iso(requested_at)}
        case WaitTimes(duration_seconds=seconds, scheduled_end_at=end):
            return {"seconds": seconds, "until": iso(end)}
        case Attempt(number=number, next_delay_seconds=delay):
            return {"attempt": number, "next_attempt_in_seconds": delay}
        case CallbackOpened(callback_id=id_, timeout_seconds=timeout, heartbeat_seconds=heartbeat):
            return {
                "callback_id": id_,
                "timeout_seconds": timeout,
                "heartbeat_timeout_seconds": heartbeat,
            }
        case ChainedTarget(function_name=function, executed_version=version, execution_arn=arn):
            return {"function": function, "version": version, "execution_arn": arn}
        case InvocationSpan(request_id=id_, started_at=start, ended_at=end):
            return {"request_id": id_, "started_at": iso(start), "ended_at": iso(end)}
        case _:
            return None


def _error(error: ErrorObject | None) -> ErrorView | None:
    if error is None:
        return None
    trace = error.stack_trace
    return ErrorView(
        type=error.type,
        message=error.message,
        data=error.data,
        stack_trace=None if trace is None else list(trace),
    )


def _iso(instant: Instant | None) -> str | None:
    return None if instant is None else iso(instant)


def _json_value(text: str | None) -> Any:
    """A payload as JSON if it is, else as the text that it is."""
    if text is None:
        return None
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError:
        return text
