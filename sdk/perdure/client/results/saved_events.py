"""Payloads that people keep with a function, to invoke it with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from perdure.client.results.wire import iso_moment


@dataclass(frozen=True, slots=True)
class SavedEventSummary:
    """One line of a list."""

    name: str
    modified_at: datetime
    size_bytes: int


@dataclass(frozen=True, slots=True)
class SavedEvent:
    """`event` is the payload, as the JSON that it is."""

    name: str
    modified_at: datetime
    size_bytes: int
    event: Any


def saved_event_summary(shape: Mapping[str, Any]) -> SavedEventSummary:
    return SavedEventSummary(shape["name"], iso_moment(shape["modified_at"]), shape["size_bytes"])


def saved_event(shape: Mapping[str, Any]) -> SavedEvent:
    return SavedEvent(
        shape["name"], iso_moment(shape["modified_at"]), shape["size_bytes"], shape["event"]
    )
