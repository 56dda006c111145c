"""What functions have written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.client.results.wire import iso_moment, moment_ms


@dataclass(frozen=True, slots=True)
class LogEvent:
    """One line, as CloudWatch Logs tells it."""

    id: str | None
    at: datetime
    stream: str | None
    message: str


@dataclass(frozen=True, slots=True)
class LogGroup:
    name: str
    created_at: datetime | None
    retention_days: int | None
    stored_bytes: int | None


@dataclass(frozen=True, slots=True)
class LogLine:
    """One line, as Perdure tells it: with the invocation and the operation that wrote it, as far
    as they are known."""

    at: datetime
    message: str
    stream: str
    request_id: str | None
    execution_id: str | None
    operation_id: str | None


@dataclass(frozen=True, slots=True)
class LogLines:
    """In the order in which they arrived. `cursor` leads to what comes next."""

    lines: tuple[LogLine, ...]
    cursor: str


def log_line(shape: Mapping[str, Any]) -> LogLine:
    return LogLine(
        at=iso_moment(shape["at"]),
        message=shape["message"],
        stream=shape["stream"],
        request_id=shape.get("request_id"),
        execution_id=shape.get("execution_id"),
        operation_id=shape.get("operation_id"),
    )


def log_event(shape: Mapping[str, Any]) -> LogEvent:
    return LogEvent(
        shape.get("eventId"),
        moment_ms(shape["timestamp"]),
        shape.get("logStreamName"),
        shape["message"],
    )


def log_group(shape: Mapping[str, Any]) -> LogGroup:
    created = shape.get("creationTime")
    return LogGroup(
        shape["logGroupName"],
        None if created is None else moment_ms(created),
        shape.get("retentionInDays"),
        shape.get("storedBytes"),
    )
