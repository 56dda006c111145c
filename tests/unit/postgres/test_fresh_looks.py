"""What was read a moment ago need not be read again, unless it was changed since."""

from __future__ import annotations

import asyncio

from perdure_service.postgres.fresh_looks import FRESH_SECONDS, FreshLooks
from tests.support.hand_clock import HandClock


class Source:
    """Counts its looks; they wait while `open` is not set."""

    def __init__(self) -> None:
        self.looks = 0
        self.open = asyncio.Event()
        self.open.set()

    async def __call__(self, key: str) -> int:
        self.looks += 1
        number = self.looks
        await self.open.wait()
        return number


async def test_an_answer_is_fresh_for_a_second_and_remembered_for_longer() -> None:
    clock, source = HandClock(), Source()
    looks = FreshLooks(clock, source)
    assert (await looks("a"), await looks("a")) == (1, 1)
    clock.pass_by(FRESH_SECONDS)
    assert looks.fresh("a") is None
    assert looks.remembered("a") == 1
    assert await looks("a") == 2


async def test_what_is_final_is_never_looked_up_again() -> None:
    clock, source = HandClock(), Source()
    looks = FreshLooks(clock, source, lambda number: number == 1)
    await looks("a")
    clock.pass_by(1e6)
    assert await looks("a") == 1


async def test_what_was_looked_at_longest_ago_is_forgotten_when_there_is_much() -> None:
    source = Source()
    looks = FreshLooks(HandClock(), source, lambda _: True, most=2)
    assert (await looks("a"), await looks("b")) == (1, 2)
    looks.put("a", 1, looks.changes)
    assert await looks("c") == 3
    assert [looks.remembered(key) for key in ("a", "b", "c")] == [1, None, 3]
    assert await looks("b") == 4


async def test_a_look_that_began_before_a_change_is_answered_and_not_remembered() -> None:
    source = Source()
    looks = FreshLooks(HandClock(), source)
    source.open.clear()
    before = asyncio.create_task(looks("a"))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    looks.forget(lambda key, _: key == "a")
    source.open.set()
    assert await before == 1
    assert looks.remembered("a") is None
    assert await looks("a") == 2


async def test_only_what_has_changed_is_forgotten() -> None:
    looks = FreshLooks(HandClock(), Source())
    assert (await looks("a"), await looks("b")) == (1, 2)
    looks.forget(lambda key, _: key == "a")
    assert (looks.remembered("a"), looks.remembered("b")) == (None, 2)
