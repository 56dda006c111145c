"""The events of an execution."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from perdure.client.results.error_object import ErrorObject, error_object
from perdure.client.results.wire import moment, optional_moment, payload_value


@dataclass(frozen=True, slots=True)
class ExecutionTimeout:
    """Of ExecutionStarted."""

    timeout_seconds: int


@dataclass(frozen=True, slots=True)
class WaitTimes:
    """Of WaitStarted and WaitSucceeded, the latter without the end."""

    duration_seconds: int
    scheduled_end_at: datetime | None


@dataclass(frozen=True, slots=True)
class Attempt:
    """Of StepSucceeded and StepFailed. Without a delay, no other attempt follows."""

    number: int
    next_delay_seconds: int | None


@dataclass(frozen=True, slots=True)
class CallbackOpened:
    """Of CallbackStarted."""

    callback_id: str
    timeout_seconds: int | None
    heartbeat_timeout_seconds: int | None


@dataclass(frozen=True, slots=True)
class ChainedTarget:
    """Of ChainedInvokeStarted."""

    function_name: str
    executed_version: str | None
    execution_arn: str | None


@dataclass(frozen=True, slots=True)
class InvocationSpan:
    """Of InvocationCompleted."""

    request_id: str
    started_at: datetime
    ended_at: datetime


@dataclass(frozen=True, slots=True)
class PauseOrResume:
    """Of ExecutionPaused and ExecutionResumed."""

    requested_at: datetime


Detail: TypeAlias = (
    ExecutionTimeout
    | WaitTimes
    | Attempt
    | CallbackOpened
    | ChainedTarget
    | InvocationSpan
    | PauseOrResume
)


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """`operation_id` and `name` are the execution's own on its own events, and None on an
    invocation's. `payload` is the input, the result or the reason; it and `error` are None when
    the history was read without data."""

    id: int
    type: str
    at: datetime
    operation_id: str | None
    parent_id: str | None
    sub_type: str | None
    name: str | None
    payload: str | None
    error: ErrorObject | None
    detail: Detail | None

    @property
    def value(self) -> Any:
        """The payload as the JSON that it is, else as text."""
        return payload_value(self.payload)

    @property
    def of_the_execution(self) -> bool:
        return self.type.startswith("Execution")


def history_event(shape: Mapping[str, Any]) -> HistoryEvent:
    type_ = shape["EventType"]
    details = shape.get(f"{type_}Details") or {}
    data = details.get("Input") or details.get("Result") or details.get("Reason") or {}
    return HistoryEvent(
        id=shape["EventId"],
        type=type_,
        at=moment(shape["EventTimestamp"]),
        operation_id=shape.get("Id"),
        parent_id=shape.get("ParentId"),
        sub_type=shape.get("SubType"),
        name=shape.get("Name"),
        payload=data.get("Payload"),
        error=error_object((details.get("Error") or {}).get("Payload")),
        detail=_detail(details),
    )


def _detail(details: Mapping[str, Any]) -> Detail | None:
    match details:
        case {"ExecutionTimeout": seconds}:
            return ExecutionTimeout(seconds)
        case {"Duration": seconds}:
            return WaitTimes(seconds, optional_moment(details, "ScheduledEndTimestamp"))
        case {"RetryDetails": retry}:
            return Attempt(retry["CurrentAttempt"], retry.get("NextAttemptDelaySeconds"))
        case {"CallbackId": callback_id}:
            return CallbackOpened(
                callback_id, details.get("Timeout"), details.get("HeartbeatTimeout")
            )
        case {"FunctionName": name}:
            return ChainedTarget(
                name, details.get("ExecutedVersion"), details.get("DurableExecutionArn")
            )
        case {"RequestId": request_id, "StartTimestamp": start, "EndTimestamp": end}:
            return InvocationSpan(request_id, moment(start), moment(end))
        case {"PauseRequestTimestamp": at} | {"ResumeRequestTimestamp": at}:
            return PauseOrResume(moment(at))
        case _:
            return None
