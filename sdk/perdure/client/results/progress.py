"""The operations of an execution, as far as its history tells: for who watches it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from perdure.client.results.error_object import ErrorObject
from perdure.client.results.history import Attempt, CallbackOpened, HistoryEvent, WaitTimes

_TYPES: Final = ("Step", "Wait", "Context", "Callback", "ChainedInvoke")
_STATUSES: Final = {
    "Started": "STARTED",
    "Succeeded": "SUCCEEDED",
    "Failed": "FAILED",
    "TimedOut": "TIMED_OUT",
    "Stopped": "STOPPED",
    "Cancelled": "CANCELLED",
}


@dataclass(frozen=True, slots=True)
class OperationProgress:
    """`due_at` is when a wait, a retry or a callback's time is over; `depth` counts the contexts
    around it."""

    id: str
    name: str
    type: str
    sub_type: str | None
    status: str
    depth: int
    started_at: datetime
    ended_at: datetime | None = None
    due_at: datetime | None = None
    attempt: int | None = None
    callback_id: str | None = None
    error: ErrorObject | None = None


def operations_of(events: Iterable[HistoryEvent]) -> list[OperationProgress]:
    """In the order of their starts. `events` are all there are so far, oldest first."""
    found: dict[str, OperationProgress] = {}
    for event in events:
        type_ = next((one for one in _TYPES if event.type.startswith(one)), None)
        if type_ is None or event.operation_id is None:
            continue
        status = _STATUSES[event.type.removeprefix(type_)]
        known = found.get(event.operation_id) or _new(event, type_, found)
        found[event.operation_id] = _after(known, event, status)
    return list(found.values())


def _new(event: HistoryEvent, type_: str, found: dict[str, OperationProgress]) -> OperationProgress:
    assert event.operation_id is not None
    parent = found.get(event.parent_id or "")
    return OperationProgress(
        id=event.operation_id,
        name=event.name or event.sub_type or event.operation_id[:12],
        type=type_,
        sub_type=event.sub_type,
        status="STARTED",
        depth=0 if parent is None else parent.depth + 1,
        started_at=event.at,
    )


def _after(known: OperationProgress, event: HistoryEvent, status: str) -> OperationProgress:
    now = replace(known, status=status, error=event.error, due_at=None)
    match event.detail:
        case Attempt(number=number, next_delay_seconds=delay) if delay is not None:
            again_at = event.at + timedelta(seconds=delay)
            return replace(now, status="PENDING", attempt=number, due_at=again_at)
        case Attempt(number=number):
            return replace(now, attempt=number, ended_at=event.at)
        case WaitTimes(scheduled_end_at=due_at) if status == "STARTED":
            return replace(now, due_at=due_at)
        case CallbackOpened(callback_id=callback_id, timeout_seconds=seconds):
            due_at = event.at + timedelta(seconds=seconds) if seconds else None
            return replace(now, callback_id=callback_id, due_at=due_at)
        case _ if status == "STARTED":
            return replace(now, attempt=(known.attempt or 0) + 1 if known.type == "Step" else None)
        case _:
            return replace(now, ended_at=event.at)
