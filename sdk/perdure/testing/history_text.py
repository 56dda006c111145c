"""A history for people to read, one line for each event."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from perdure.testing.store import Record
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Identity
from perdure_service.domain.instant import MICROSECONDS
from perdure_service.domain.shapes import event_shape

_SHOWN_CHARACTERS = 160
_HIDDEN = frozenset(
    {"StartTimestamp", "EndTimestamp", "RequestId", "ScheduledEndTimestamp", "CallbackId"}
)


def history_text(record: Record, *, last: int | None = None) -> str:
    """Event id, seconds since the start, type, name, and what the event tells. `last` leaves the
    older ones out."""
    events = record.log if last is None else record.log[-last:]
    identity = record.live.identity
    head = f"History of {identity.function_name} ({record.live.status}), {identity.arn}:"
    left_out = len(record.log) - len(events)
    lines = [f"  ... {left_out} earlier events"] if left_out else []
    lines += [_line(event, identity) for event in events]
    return "\n".join([head, *lines])


def _line(event: Event, identity: Identity) -> str:
    seconds = (event.at - identity.started_at) / MICROSECONDS
    shape = event_shape(event, include_data=True)
    words = [f"{event.id:>5}  {seconds:>10.3f} s  {event.type.value:<22}"]
    if event.name and event.name != identity.id:  # an unnamed execution goes by its id
        words.append(event.name)
    details = shape.get(f"{event.type.value}Details", {})
    facts = ", ".join(f"{name}={value}" for name, value in _facts(details))
    return " ".join([*words, facts]).rstrip()


def _facts(details: Mapping[str, Any]) -> list[tuple[str, str]]:
    facts = []
    for name, value in details.items():
        if name not in _HIDDEN and (text := _fact(value)) is not None:
            facts.append((name, text))
    return facts


def _fact(value: Any) -> str | None:
    """None if there is nothing to tell."""
    if isinstance(value, dict) and "Truncated" in value:
        value = value.get("Payload")
    if isinstance(value, dict):
        value = {key: each for key, each in value.items() if key != "StackTrace"}
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}..."
