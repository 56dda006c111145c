"""What functions have written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.client.results.wire import moment_ms


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
