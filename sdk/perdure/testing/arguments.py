"""What a test hands over, checked where it does: each error says what to write instead."""

from __future__ import annotations

import json
import math
import re
from datetime import datetime, timedelta
from typing import Final

from perdure.durations import Duration
from perdure_service.domain.limits import MAX_EXECUTION_SECONDS

Span = float | timedelta | Duration
"""Seconds, or an object that knows them."""

MAX_TIMEOUT_SECONDS: Final = 900
_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")


def seconds_of(span: Span, what: str = "the time") -> float:
    """Raises TypeError and ValueError for what is no span of time, or goes backwards."""
    if isinstance(span, timedelta):
        seconds = span.total_seconds()
    elif isinstance(span, Duration):
        seconds = float(span.seconds)
    elif isinstance(span, int | float):
        seconds = span
    else:
        raise TypeError(
            f"{what} is given in seconds, or as a timedelta or Duration, not as {span!r}"
        )
    if not math.isfinite(seconds) or seconds > 1e11:
        raise ValueError(f"{what} is to be a finite number of seconds, not {seconds}")
    if seconds < 0:
        raise ValueError(f"time does not go back: {what} is {seconds:g} seconds")
    return seconds


def whole_seconds(span: Span, what: str, most: int = MAX_EXECUTION_SECONDS) -> int:
    """Raises ValueError outside of what Lambda allows."""
    seconds = round(seconds_of(span, what))
    if not 1 <= seconds <= most:
        raise ValueError(f"{what} may be 1 to {most} seconds, not {seconds}")
    return seconds


def aware(at: datetime) -> datetime:
    """Raises ValueError without a time zone: the test would depend on that of the machine."""
    if at.tzinfo is None:
        raise ValueError(f"start_at needs a time zone: datetime(..., tzinfo=UTC), not {at!r}")
    return at


def execution_name(name: str) -> str:
    """Raises ValueError for what Lambda does not take."""
    if _NAME.fullmatch(name) is None:
        raise ValueError(
            f"an execution's name has 1 to 64 letters, digits, hyphens and underscores, unlike "
            f"{name!r}"
        )
    return name


def json_of(value: object, what: str) -> str:
    """Raises TypeError for what has no form in JSON."""
    try:
        return json.dumps(value, ensure_ascii=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise TypeError(
            f"{what} cannot be written as JSON, which it is on its way: {error}. Hand over dicts, "
            "lists, strings, numbers, booleans and None."
        ) from None
