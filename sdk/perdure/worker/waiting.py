"""Waiting for whichever comes first."""

from __future__ import annotations

import asyncio
from typing import Any


async def first_of(*futures: asyncio.Future[Any], limit_seconds: float | None = None) -> None:
    """Return when one of them is done or the time is over. None of them is cancelled."""
    await asyncio.wait(futures, timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)
