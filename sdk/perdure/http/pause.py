"""Pauses between attempts on a service that is away."""

from __future__ import annotations

import asyncio

_FIRST_SECONDS = 0.05
_LONGEST_SECONDS = 2.0


class Pause:
    """50 ms, then twice as long each time, up to 2 s."""

    def __init__(self) -> None:
        self.seconds = _FIRST_SECONDS
        """The next one."""

    async def sleep(self) -> None:
        seconds, self.seconds = self.seconds, min(2 * self.seconds, _LONGEST_SECONDS)
        await asyncio.sleep(seconds)

    def reset(self) -> None:
        self.seconds = _FIRST_SECONDS
