"""Test events: payloads that people keep with a function, to invoke it with."""

from __future__ import annotations

import json
import re

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant
from perdure_service.domain.limits import MEBIBYTE

MAX_EVENTS = 100
MAX_EVENT_BYTES = MEBIBYTE

_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


@frozen
class SavedEvent:
    """`payload` is JSON as it was written."""

    name: str
    payload: str
    modified_at: Instant


def check_event_name(name: str) -> str:
    """`name`, or InvalidParameterValue."""
    if _NAME.fullmatch(name) is None:
        raise InvalidParameterValue(
            f"Invalid test event name '{name[:200]}': use 1 to 64 letters, digits, hyphens, "
            "underscores."
        )
    return name


def check_event(payload: bytes) -> str:
    """The text of a payload. Raises InvalidParameterValue unless it is JSON of at most 1 MiB."""
    if len(payload) > MAX_EVENT_BYTES:
        raise InvalidParameterValue(
            f"A test event can have {MAX_EVENT_BYTES} bytes: pass large data by reference."
        )
    try:
        text = payload.decode()
        json.loads(text, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise InvalidParameterValue(f"A test event must be JSON: {error}") from None
    return text


def _refuse_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")
