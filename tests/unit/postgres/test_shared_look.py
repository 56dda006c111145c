"""Who asks for the same thing at the same time shares one look."""

from __future__ import annotations

import asyncio

import pytest

from perdure_service.postgres.shared_look import SharedLook


class Source:
    """Something slow to look at; `open` lets the looks that run answer."""

    def __init__(self, error: Exception | None = None) -> None:
        self.looks = 0
        self.open = asyncio.Event()
        self._error = error

    async def __call__(self) -> int:
        self.looks += 1
        number = self.looks
        await self.open.wait()
        if self._error is not None:
            raise self._error
        return number


async def test_callers_at_the_same_time_share_one_look_and_later_ones_look_again() -> None:
    source, look = Source(), SharedLook[str, int]()
    together = [asyncio.create_task(look("a", source)) for _ in range(3)]
    await asyncio.sleep(0)
    source.open.set()
    assert await asyncio.gather(*together) == [1, 1, 1]
    assert await look("a", source) == 2


async def test_a_caller_who_leaves_does_not_end_the_look_of_the_others() -> None:
    source, look = Source(), SharedLook[str, int]()
    first, second = (asyncio.create_task(look("a", source)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    source.open.set()
    assert await second == 1
    assert first.cancelled()


async def test_what_a_look_raises_reaches_all_who_wait_and_is_not_kept() -> None:
    source, look = Source(LookupError("gone")), SharedLook[str, int]()
    together = [asyncio.create_task(look("a", source)) for _ in range(2)]
    await asyncio.sleep(0)
    source.open.set()
    for task in together:
        with pytest.raises(LookupError):
            await task
    with pytest.raises(LookupError):
        await look("a", source)
    assert source.looks == 2


async def test_nobody_joins_a_look_that_began_before_a_change() -> None:
    source, look = Source(), SharedLook[str, int]()
    before = asyncio.create_task(look("a", source))
    await asyncio.sleep(0)
    look.forget()
    after = asyncio.create_task(look("a", source))
    await asyncio.sleep(0)
    source.open.set()
    assert (await before, await after) == (1, 2)
