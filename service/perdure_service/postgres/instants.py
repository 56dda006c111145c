"""Instants as SQLAlchemy's datetimes, exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perdure_service.domain.instant import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(instant: Instant) -> datetime:
    return _EPOCH + timedelta(microseconds=instant)


def from_datetime(moment: datetime) -> Instant:
    return Instant((moment - _EPOCH) // _MICROSECOND)
