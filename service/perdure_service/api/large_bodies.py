"""Large requests, parsed beside the event loop."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_LARGE_BYTES = 1 << 18
"""What takes a millisecond to parse. A thread for less would only cost time."""

_PARSED_AT_ONCE = 2


class LargeBodies:
    """Parses them in a thread, a few at a time: each takes the interpreter from all others for
    milliseconds, over and over."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(_PARSED_AT_ONCE)

    async def parse(self, body: bytes, parse: Callable[[bytes], T]) -> T:
        """Raises what `parse` raises."""
        if len(body) <= _LARGE_BYTES:
            return parse(body)
        async with self._room:
            return await asyncio.to_thread(parse, body)
