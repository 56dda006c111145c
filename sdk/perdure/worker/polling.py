"""Taking work from the service by long polls.

A held poll cannot learn of slots that become free later. So when a function that had none to offer
has one, another poll takes the held one's place; the service then answers the first at once. Apart
from that moment there is one poll at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from perdure.worker.connections import ServiceAway
from perdure.worker.invocation import Invocation, InvocationId
from perdure.worker.offer import Offer
from perdure.worker.pause import Pause
from perdure.worker.service_client import ServiceClient, ServiceRefused, UnknownWorker
from perdure.worker.waiting import first_of

POLL_SECONDS: Final = 20

_SHORT_POLL_SECONDS = 1.0
_EMPTY_ANSWER_SECONDS = 0.05


class Intake(Protocol):
    """Where work goes and how much of it is wanted."""

    freed: asyncio.Event
    """Set whenever a slot becomes free."""

    def offer(self) -> Offer: ...
    def accept(self, invocation: Invocation) -> None: ...


class Polling:
    def __init__(
        self,
        client: ServiceClient,
        intake: Intake,
        *,
        registered: asyncio.Event,
        lost: Callable[[Exception], None],
    ) -> None:
        self._client = client
        self._intake = intake
        self._registered = registered
        self._lost = lost
        self._given_up = asyncio.Event()

    async def run(self) -> None:
        """For ever, whenever registered. `lost` hears of every failure, after a pause."""
        pause = Pause()
        while True:
            await self._registered.wait()
            trouble: Exception | None = None
            try:
                async with asyncio.TaskGroup() as polls:
                    polls.create_task(self._until_given_up())
                    await self._take_turns(polls, pause)
            except* (ServiceAway, UnknownWorker, ServiceRefused) as errors:
                trouble = errors.exceptions[0]
            await pause.sleep()
            if trouble is not None:
                self._lost(trouble)

    def give_up(self) -> None:
        """The held poll hangs on a host that is gone without a word: break it off."""
        self._given_up.set()

    async def _until_given_up(self) -> None:
        self._given_up.clear()
        await self._given_up.wait()
        raise ServiceAway(f"{self._client.service} does not answer")

    async def _take_turns(self, polls: asyncio.TaskGroup, pause: Pause) -> None:
        now = asyncio.get_running_loop().time
        held: set[asyncio.Task[list[Invocation]]] = set()
        offered = Offer()
        confirm: list[InvocationId] = []
        asked_at = now()
        empty_answers = 0
        while True:
            offer = self._intake.offer()
            if confirm or offer.is_news_to(offered):
                wait_seconds = POLL_SECONDS if offer.total else 0
                held.add(polls.create_task(self._client.poll(offer, confirm, wait_seconds)))
                offered, confirm, asked_at = offer, [], now()
            await self._news(held)
            for poll in [poll for poll in held if poll.done()]:
                held.discard(poll)
                for invocation in poll.result():
                    confirm.append(invocation.id)
                    self._intake.accept(invocation)
                pause.reset()
            if held:
                continue
            answered_early = offered.total > 0 and now() - asked_at < _SHORT_POLL_SECONDS
            empty_answers = empty_answers + 1 if answered_early and not confirm else 0
            if empty_answers > 1:
                await asyncio.sleep(_EMPTY_ANSWER_SECONDS)  # the service is about to stop
            offered = Offer()

    async def _news(self, held: set[asyncio.Task[list[Invocation]]]) -> None:
        self._intake.freed.clear()
        freed = asyncio.ensure_future(self._intake.freed.wait())
        try:
            await first_of(freed, *held)
        finally:
            freed.cancel()
