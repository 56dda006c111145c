"""Test events in a form for people."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic_core import from_json

from perdure_service.api.wire.times import iso
from perdure_service.domain.test_events import SavedEvent


class EventLine(BaseModel):
    model_config = ConfigDict(frozen=True)

    name: str
    modified_at: str
    size_bytes: int


class EventLines(BaseModel):
    model_config = ConfigDict(frozen=True)

    events: list[EventLine]


class EventView(EventLine):
    """`event` is the payload, as the JSON that it is."""

    event: Any


def event_lines(events: Iterable[SavedEvent]) -> EventLines:
    return EventLines(events=[EventLine(**_line(event)) for event in events])


def event_view(event: SavedEvent) -> EventView:
    return EventView(**_line(event), event=from_json(event.payload))


def _line(event: SavedEvent) -> dict[str, Any]:
    return {
        "name": event.name,
        "modified_at": iso(event.modified_at),
        "size_bytes": len(event.payload.encode()),
    }
