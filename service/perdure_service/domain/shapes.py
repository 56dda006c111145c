"""Lambda's JSON shapes of operations, events and errors, in the one place that spells them.

`clock` turns an Instant into the form of the place: epoch seconds in API answers, whole epoch
milliseconds in what a function receives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    Event,
    EventType,
    ExecutionTimeout,
    InvocationSpan,
    PauseAsked,
    ResumeAsked,
    WaitTimes,
)
from perdure_service.domain.instant import Instant, epoch_seconds
from perdure_service.domain.operations import ErrorObject, Operation, OperationType, Status

ClockForm = Callable[[Instant], float]
Json = dict[str, Any]


def error_shape(error: ErrorObject) -> Json:
    """ErrorObject, absent members left out."""
    shape: Json = {}
    if error.message is not None:
        shape["ErrorMessage"] = error.message
    if error.type is not None:
        shape["ErrorType"] = error.type
    if error.data is not None:
        shape["ErrorData"] = error.data
    if error.stack_trace is not None:
        shape["StackTrace"] = list(error.stack_trace)
    return shape


def runtime_error_shape(error: ErrorObject, trace_member: str = "stackTrace") -> Json:
    """The body of a failed Invoke, as Lambda runtimes spell it."""
    shape: Json = {"errorMessage": error.message or "", "errorType": error.type or "Error"}
    if error.stack_trace is not None:
        shape[trace_member] = list(error.stack_trace)
    return shape


def operation_shape(
    operation: Operation, seen_at: Instant, clock: ClockForm, execution_input: str | None = None
) -> Json:
    """Operation as its reader at `seen_at` sees it. `execution_input` is EXECUTION's own."""
    status = operation.status_at(seen_at)
    shape: Json = {
        "Id": operation.id,
        "Type": operation.type.value,
        "StartTimestamp": clock(operation.started_at),
        "Status": status.value,
    }
    if operation.parent_id is not None:
        shape["ParentId"] = operation.parent_id
    if operation.name is not None:
        shape["Name"] = operation.name
    if operation.sub_type is not None:
        shape["SubType"] = operation.sub_type
    if operation.ended_at is not None:
        shape["EndTimestamp"] = clock(operation.ended_at)
    match operation.type:
        case OperationType.EXECUTION:
            details: Json = {} if execution_input is None else {"InputPayload": execution_input}
            shape["ExecutionDetails"] = details
        case OperationType.CONTEXT:
            details = _outcome(operation)
            if operation.replay_children:
                details["ReplayChildren"] = True
            shape["ContextDetails"] = details
        case OperationType.STEP:
            details = {"Attempt": operation.attempt, **_outcome(operation)}
            if status is Status.PENDING and operation.next_attempt_at is not None:
                details["NextAttemptTimestamp"] = clock(operation.next_attempt_at)
            shape["StepDetails"] = details
        case OperationType.WAIT:
            shape["WaitDetails"] = (
                {}
                if operation.due_at is None
                else {"ScheduledEndTimestamp": clock(operation.due_at)}
            )
        case OperationType.CALLBACK:
            shape["CallbackDetails"] = {"CallbackId": operation.callback_id, **_outcome(operation)}
        case OperationType.CHAINED_INVOKE:
            shape["ChainedInvokeDetails"] = _outcome(operation)
    return shape


def event_shape(event: Event, *, include_data: bool) -> Json:
    """Event with its one details member; without data, payloads and errors are truncated."""
    name, details_name = _EVENT_NAMES[event.type]
    shape: Json = {
        "EventType": name,
        "EventId": event.id,
        "EventTimestamp": epoch_seconds(event.at),
    }
    if event.operation_id is not None:
        shape["Id"] = event.operation_id
    if event.name is not None:
        shape["Name"] = event.name
    if event.sub_type is not None:
        shape["SubType"] = event.sub_type
    if event.parent_id is not None:
        shape["ParentId"] = event.parent_id
    details = _details(event.detail)
    if event.type is EventType.WAIT_SUCCEEDED:
        details.pop("ScheduledEndTimestamp")
    if event.type in _WITH_INPUT and not _was_refused(event.detail):
        details["Input"] = _payload(event.payload, include_data=include_data)
    elif event.type in _WITH_RESULT:
        details["Result"] = _payload(event.payload, include_data=include_data)
    elif event.type in _WITH_REASON and event.payload is not None:
        details["Reason"] = _payload(event.payload, include_data=include_data)
    if event.error is not None:
        details["Error"] = _error(event.error, include_data=include_data)
    shape[details_name] = details
    return shape


def _outcome(operation: Operation) -> Json:
    outcome: Json = {}
    if operation.result is not None:
        outcome["Result"] = operation.result
    if operation.error is not None:
        outcome["Error"] = error_shape(operation.error)
    return outcome


def _payload(payload: str | None, *, include_data: bool) -> Json:
    if not include_data:
        return {"Truncated": True}
    return {"Truncated": False} if payload is None else {"Payload": payload, "Truncated": False}


def _error(error: ErrorObject, *, include_data: bool) -> Json:
    if not include_data:
        return {"Truncated": True}
    return {"Payload": error_shape(error), "Truncated": False}


def _details(detail: object) -> Json:
    match detail:
        case ExecutionTimeout(timeout_seconds=seconds):
            return {"ExecutionTimeout": seconds}
        case PauseAsked(requested_at=requested_at, execution_timeout_paused=paused):
            return {
                "PauseRequestTimestamp": epoch_seconds(requested_at),
                "ExecutionTimeoutPaused": paused,
            }
        case ResumeAsked(requested_at=requested_at):
            return {"ResumeRequestTimestamp": epoch_seconds(requested_at)}
        case WaitTimes(duration_seconds=seconds, scheduled_end_at=end):
            return {"Duration": seconds, "ScheduledEndTimestamp": epoch_seconds(end)}
        case Attempt(number=number, next_delay_seconds=delay):
            retry: Json = {"CurrentAttempt": number}
            if delay is not None:
                retry["NextAttemptDelaySeconds"] = delay
            return {"RetryDetails": retry}
        case CallbackOpened(callback_id=id_, timeout_seconds=timeout, heartbeat_seconds=heartbeat):
            return _present({"CallbackId": id_, "Timeout": timeout, "HeartbeatTimeout": heartbeat})
        case ChainedTarget():
            return _present(
                {
                    "FunctionName": detail.function_name,
                    "TenantId": detail.tenant_id,
                    "ExecutedVersion": detail.executed_version,
                    "DurableExecutionArn": detail.execution_arn,
                }
            )
        case InvocationSpan(request_id=id_, started_at=start, ended_at=end):
            return {
                "StartTimestamp": epoch_seconds(start),
                "EndTimestamp": epoch_seconds(end),
                "RequestId": id_,
            }
        case _:
            return {}


def _was_refused(detail: object) -> bool:
    return isinstance(detail, ChainedTarget) and detail.executed_version is None


def _present(members: Mapping[str, Any]) -> Json:
    return {name: value for name, value in members.items() if value is not None}


_EVENT_NAMES = {type_: (type_.value, f"{type_.value}Details") for type_ in EventType}
_WITH_INPUT = frozenset({EventType.EXECUTION_STARTED, EventType.CHAINED_INVOKE_STARTED})
_WITH_REASON = frozenset({EventType.EXECUTION_PAUSED, EventType.EXECUTION_RESUMED})
_WITH_RESULT = frozenset(
    {
        EventType.EXECUTION_SUCCEEDED,
        EventType.CONTEXT_SUCCEEDED,
        EventType.STEP_SUCCEEDED,
        EventType.CALLBACK_SUCCEEDED,
        EventType.CHAINED_INVOKE_SUCCEEDED,
    }
)
