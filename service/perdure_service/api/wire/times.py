"""Points in time in query strings and in readable answers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from perdure_service.domain.instant import MICROSECONDS, Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_SECOND = 253_402_300_799


def iso(instant: Instant) -> str:
    """ISO-8601 in UTC, to the millisecond."""
    moment = _EPOCH + timedelta(microseconds=instant)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def parse_instant(text: object) -> Instant:
    """From ISO-8601, UTC unless it says otherwise, or epoch seconds."""
    try:
        return _from_epoch(float(str(text)))
    except ValueError:
        pass
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        raise _NOT_A_TIME from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))


def _from_epoch(seconds: float) -> Instant:
    if not 0 <= seconds <= _LAST_SECOND:
        raise _NOT_A_TIME
    return Instant(round(seconds * MICROSECONDS))


_NOT_A_TIME = PydanticCustomError(
    "timestamp", "be a timestamp: ISO-8601, as 2026-01-31T12:00:00Z, or epoch seconds"
)

QueryInstant = Annotated[Instant, BeforeValidator(parse_instant)]
