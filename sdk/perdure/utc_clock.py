"""The wall clock of those who call the service, for the time that a signature names."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_now() -> datetime:
    return datetime.now(UTC)  # noqa: TID251  AWS compares a signature's time with its own
