"""Taking work from the service by long polls.

A held poll cannot learn of slots that become free later. So when a function that had none to offer
has one, another poll takes the held one's place; the service then answers the first at once. Apart
from that moment there is one poll at a time.

Small results travel with polls: an answer says that the service has them. Those of a poll that
failed go with the next one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from perdure.http.connections import ServiceAway
from perdure.http.pause import Pause
from perdure.worker.invocation import Invocation, InvocationId, Result
from perdure.worker.offer import Offer
from perdure.worker.service_client import ServiceClient, ServiceRefused, UnknownWorker

POLL_SECONDS: Final = 20

_SHORT_POLL_SECONDS = 1.0
_EMPTY_ANSWER_SECONDS = 0.05
_MOST_POLLS = 4
"""The service ends a held poll at once when the next comes; one that records results takes a moment
more. Results that come then go together."""
_RESULT_BYTES = 64 * 1024
_RESULTS_BYTES = 1024 * 1024


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
        self._unsent: dict[InvocationId, _Report] = {}
        self._is_polling = True

    async def report(self, invocation_id: InvocationId, result: Result) -> bool:
        """Return True when the service has the result. False if it has to go another way: it is
        too large, the service refused a poll that it was in, or there are no more polls."""
        if len(result.body) > _RESULT_BYTES or result.log_tail is not None or not self._is_polling:
            return False
        report = _Report(result, asyncio.get_running_loop().create_future())
        self._unsent[invocation_id] = report
        self._intake.freed.set()
        try:
            return await report.accepted
        finally:
            self._unsent.pop(invocation_id, None)

    async def run(self) -> None:
        """For ever, whenever registered. `lost` hears of every failure, after a pause."""
        try:
            await self._poll_for_ever()
        finally:
            self._is_polling = False
            for report in self._unsent.values():
                report.settle(accepted=False)

    async def _poll_for_ever(self) -> None:
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
        held: dict[asyncio.Task[list[Invocation]], _Results] = {}
        offered = Offer()
        confirm: list[InvocationId] = []
        asked_at = now()
        empty_answers = 0
        try:
            while True:
                offer = self._intake.offer()
                results = self._take_results() if len(held) < _MOST_POLLS else {}
                if confirm or results or offer.is_news_to(offered):
                    wait_seconds = POLL_SECONDS if offer.total else 0
                    poll = polls.create_task(
                        self._client.poll(
                            offer,
                            confirm,
                            wait_seconds,
                            {id_: report.result for id_, report in results.items()},
                        )
                    )
                    poll.add_done_callback(self._has_news)
                    held[poll] = results
                    offered, confirm, asked_at = offer, [], now()
                self._intake.freed.clear()
                if not any(poll.done() for poll in held):
                    await self._intake.freed.wait()
                for poll in [poll for poll in held if poll.done()]:
                    for invocation in self._received(poll, held):
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
        finally:
            for results in held.values():
                self._unsent.update(results)

    def _received(
        self,
        poll: asyncio.Task[list[Invocation]],
        held: dict[asyncio.Task[list[Invocation]], _Results],
    ) -> list[Invocation]:
        """What a poll brought, its results settled. Raises what the poll did."""
        try:
            invocations = poll.result()
        except ServiceRefused:
            # One of them may be the reason: each goes by itself.
            for report in held.pop(poll).values():
                report.settle(accepted=False)
            raise
        for report in held.pop(poll).values():
            report.settle(accepted=True)
        return invocations

    def _take_results(self) -> _Results:
        """Results that wait, as many as go into one poll."""
        taken: _Results = {}
        size = 0
        while self._unsent and size < _RESULTS_BYTES:
            id_ = next(iter(self._unsent))
            report = taken[id_] = self._unsent.pop(id_)
            size += len(report.result.body)
        return taken

    def _has_news(self, _: asyncio.Task[list[Invocation]]) -> None:
        self._intake.freed.set()


class _Report:
    """A result on its way to the service."""

    __slots__ = ("accepted", "result")

    def __init__(self, result: Result, accepted: asyncio.Future[bool]) -> None:
        self.result = result
        self.accepted = accepted

    def settle(self, *, accepted: bool) -> None:
        if not self.accepted.done():
            self.accepted.set_result(accepted)


_Results = dict[InvocationId, _Report]
