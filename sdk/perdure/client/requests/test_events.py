"""Test events, which Perdure keeps with a function."""

from __future__ import annotations

import json
from typing import Any

from perdure.client.operation import (
    JSON_TYPE,
    Answer,
    Operation,
    Request,
    Service,
    nothing,
    segment,
)
from perdure.client.results.saved_events import (
    SavedEvent,
    SavedEventSummary,
    saved_event,
    saved_event_summary,
)


def find(function: str) -> Operation[tuple[SavedEventSummary, ...]]:
    return Operation(Request("GET", _path(function), service=Service.PERDURE), _lines)


def get(function: str, name: str) -> Operation[SavedEvent]:
    return Operation(Request("GET", _path(function, name), service=Service.PERDURE), _event)


def save(
    function: str, name: str, event: Any = None, *, payload: bytes | None = None
) -> Operation[SavedEvent]:
    """`payload` is kept as it is, in place of `event` as JSON."""
    request = Request(
        "PUT",
        _path(function, name),
        headers={"Content-Type": JSON_TYPE},
        body=json.dumps(event).encode() if payload is None else payload,
        service=Service.PERDURE,
    )
    return Operation(request, _event)


def delete(function: str, name: str) -> Operation[None]:
    return Operation(Request("DELETE", _path(function, name), service=Service.PERDURE), nothing)


def _path(function: str, *name: str) -> str:
    parts = "".join(f"/{segment(part)}" for part in name)
    return f"/v1/functions/{segment(function)}/test-events{parts}"


def _lines(answer: Answer) -> tuple[SavedEventSummary, ...]:
    return tuple(map(saved_event_summary, answer.json()["events"]))


def _event(answer: Answer) -> SavedEvent:
    return saved_event(answer.json())
