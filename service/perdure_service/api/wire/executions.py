"""GetDurableExecution, its history and lists, in Lambda's shapes."""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from perdure_service.application.list_executions import ExecutionList
from perdure_service.application.read import HistoryPage
from perdure_service.domain.execution import Execution, ExecutionStatus
from perdure_service.domain.instant import Instant, epoch_seconds
from perdure_service.domain.pauses import Pausing
from perdure_service.domain.shapes import error_shape, event_shape
from perdure_service.ports.search import ExecutionSummary


def execution_answer(execution: Execution, *, include_data: bool) -> bytes:
    identity = execution.identity
    shape: dict[str, Any] = {
        "DurableExecutionArn": identity.arn,
        "DurableExecutionName": identity.name,
        "FunctionArn": identity.function_arn,
        "StartTimestamp": epoch_seconds(identity.started_at),
        "Status": execution.status.value,
        "Version": identity.version,
        "ExecutionDataIncluded": include_data,
        "DurableConfig": {
            "ExecutionTimeout": identity.timeout_seconds,
            "RetentionPeriodInDays": identity.retention_days,
        },
    }
    if execution.ended_at is not None:
        shape["EndTimestamp"] = epoch_seconds(execution.ended_at)
    else:
        shape["ExpectedExecutionTimeoutTimestamp"] = epoch_seconds(execution.times_out_at)
    pause = execution.pause.asked if execution.pause is not None else execution.ledger.pausing
    if pause is not None:
        shape["PauseDetails"] = _pause_details(pause, include_data=include_data)
    if identity.trace_id is not None:
        shape["TraceHeader"] = {"XAmznTraceId": identity.trace_id}
    if include_data:
        shape |= _data(execution)
    return to_json(shape)


def _pause_details(pause: Pausing, *, include_data: bool) -> dict[str, Any]:
    details: dict[str, Any] = {
        "PauseRequestTimestamp": epoch_seconds(pause.requested_at),
        "ExecutionTimeoutPaused": pause.execution_timeout_paused,
    }
    if include_data and pause.reason is not None:
        details["Reason"] = pause.reason
    return details


def _data(execution: Execution) -> dict[str, Any]:
    """What goes in and out; the outcome goes with the status that tells of it."""
    data: dict[str, Any] = {}
    if execution.input is not None:
        data["InputPayload"] = execution.input
    if execution.status is ExecutionStatus.DELETING:
        return data
    if execution.result is not None:
        data["Result"] = execution.result
    if execution.error is not None:
        data["Error"] = error_shape(execution.error)
    return data


def history_answer(page: HistoryPage, *, include_data: bool) -> bytes:
    shape: dict[str, Any] = {
        "Events": [event_shape(event, include_data=include_data) for event in page.events]
    }
    if page.next_marker is not None:
        shape["NextMarker"] = page.next_marker
    return to_json(shape)


def list_answer(listed: ExecutionList) -> bytes:
    shape: dict[str, Any] = {"DurableExecutions": [_summary(one) for one in listed.executions]}
    if listed.next_marker is not None:
        shape["NextMarker"] = listed.next_marker
    return to_json(shape)


def stop_answer(stopped_at: Instant) -> bytes:
    return to_json({"StopTimestamp": epoch_seconds(stopped_at)})


def delete_answer(requested_at: Instant) -> bytes:
    return to_json({"DeletionRequestTimestamp": epoch_seconds(requested_at)})


def _summary(summary: ExecutionSummary) -> dict[str, Any]:
    identity = summary.identity
    shape: dict[str, Any] = {
        "DurableExecutionArn": identity.arn,
        "DurableExecutionName": identity.name,
        "FunctionArn": identity.function_arn,
        "Status": summary.status.value,
        "StartTimestamp": epoch_seconds(identity.started_at),
    }
    if summary.ended_at is not None:
        shape["EndTimestamp"] = epoch_seconds(summary.ended_at)
    return shape
