"""Reading times and payloads as the API spells them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def moment(epoch_seconds: float) -> datetime:
    """Of the API's answers: a number, with a fraction. Raises TypeError for anything else."""
    return _EPOCH + timedelta(seconds=epoch_seconds)


def moment_ms(epoch_milliseconds: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=epoch_milliseconds)


def optional_moment(shape: Mapping[str, Any], name: str) -> datetime | None:
    seconds = shape.get(name)
    return None if seconds is None else moment(seconds)


def iso_moment(text: str) -> datetime:
    """ISO-8601, as in a function's LastModified."""
    found = datetime.fromisoformat(text)
    return found if found.tzinfo is not None else found.replace(tzinfo=UTC)


def payload_value(text: str | None) -> Any:
    """A payload as the JSON that it is, else as the text that it is."""
    if text is None:
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text
