"""Waiting for an event, not for ever."""

from __future__ import annotations

import asyncio
from contextlib import suppress


async def set_or_late(event: asyncio.Event, limit_seconds: float | None) -> None:
    """Returns when `event` is set, or when the time is over; None is no limit."""
    with suppress(TimeoutError):
        async with asyncio.timeout(limit_seconds):
            await event.wait()
