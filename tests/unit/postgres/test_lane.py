"""The order in which a lane flushes what is due and what waits."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from perdure_service.domain.errors import Unavailable
from perdure_service.postgres.lane import Lane


class Flushes:
    """A lane whose flushes take one item each and remember them, and go out when told to."""

    def __init__(self, max_waiting: int = 100) -> None:
        self.lane: Lane[str] = Lane(self._flush, max_waiting)
        self.taken: list[str] = []
        self._empty = asyncio.Event()

    async def _flush(self) -> None:
        self.taken.append(self.lane.next_queue().popleft())
        if not self.lane.waiting and not self.lane.due:
            self._empty.set()

    async def until_empty(self) -> list[str]:
        async with asyncio.timeout(10):
            running = asyncio.create_task(self.lane.run())
            await self._empty.wait()
            running.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running
        return self.taken


async def test_what_is_due_overtakes_what_waits() -> None:
    flushes = Flushes()
    for name in ("first", "second"):
        flushes.lane.put(name)
    flushes.lane.put_due("timer")
    assert await flushes.until_empty() == ["timer", "first", "second"]


async def test_neither_starves_the_other() -> None:
    flushes = Flushes()
    for n in range(10):
        flushes.lane.put_due(f"timer-{n}")
    flushes.lane.put("first")
    flushes.lane.put("second")
    order = await flushes.until_empty()
    assert [name for name in order if name.startswith("timer")] == [f"timer-{n}" for n in range(10)]
    assert order.index("first") < order.index("timer-9")
    assert order.index("second") < order.index("timer-9")


async def test_what_was_accepted_before_goes_first_and_is_never_refused() -> None:
    flushes = Flushes(max_waiting=1)
    flushes.lane.put("new")
    with pytest.raises(Unavailable, match="1 writes wait already"):
        flushes.lane.put("one too many")
    flushes.lane.put("again", urgent=True)
    assert await flushes.until_empty() == ["again", "new"]
