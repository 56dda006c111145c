"""The agent's wall clock. It serves one purpose: a deadline that a handler compares with its own.

Nothing is decided by it; timeouts are measured on the event loop's monotonic clock.
"""

from __future__ import annotations

import time


def epoch_milliseconds() -> int:
    return time.time_ns() // 1_000_000  # noqa: TID251  the Runtime API speaks epoch milliseconds
