"""How workers start workflows: so many callers, one workflow after the other each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any


async def seconds_of_each(
    count: int, callers: int, run: Callable[[int], Awaitable[Any]]
) -> list[float]:
    """`run(0)` to `run(count - 1)`, by so many callers at once; the seconds that each took."""
    numbers = iter(range(count))
    taken: list[float] = []

    async def one_after_another() -> None:
        for number in numbers:
            began = time.perf_counter()
            await run(number)
            taken.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(callers, count)):
            tasks.create_task(one_after_another())
    return taken


def wall_clock() -> float:
    """Seconds since the epoch: what a sleep's end is told in, before and after a restart."""
    return time.clock_gettime(time.CLOCK_REALTIME)
