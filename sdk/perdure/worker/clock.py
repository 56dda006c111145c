"""The wall clock, for readers elsewhere: handlers compare deadlines with their own.

Nothing is decided by it but what is litter on a disk; timeouts are measured on the event loop's
monotonic clock.
"""

from __future__ import annotations

import time


def epoch_milliseconds() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251  the Runtime API speaks epoch milliseconds


def iso_milliseconds(at_ms: int) -> str:
    """As Lambda writes times into logs: 2026-11-27T10:20:30.123Z."""
    seconds, milliseconds = divmod(at_ms, 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{milliseconds:03d}Z"
