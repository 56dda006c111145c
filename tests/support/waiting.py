"""Waiting for facts, never for time to pass."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_POLL_SECONDS = 0.005


def eventually(look: Callable[[], T], timeout_seconds: float = 10.0) -> T:
    """The first truthy answer of `look`. Fails the test if there is none in `timeout_seconds`."""
    deadline = time.monotonic() + timeout_seconds
    while not (seen := look()):
        if time.monotonic() > deadline:
            raise AssertionError(
                f"not seen within {timeout_seconds} s; the last look gave {seen!r}"
            )
        time.sleep(_POLL_SECONDS)
    return seen
