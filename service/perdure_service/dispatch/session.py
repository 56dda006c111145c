"""One worker that polls this replica: its slots, and what is on its way to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perdure_service.dispatch.slots import NamedSlots, PoolSlots, Slots
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import InvocationId
from perdure_service.ports.workers import Handed, PoolFree, WorkerCard

_BETWEEN_POLLS_SECONDS = 0.25


@dataclass(eq=False, slots=True)
class Session:
    """`held` is what the worker said to have at `held_at`. `arrived` is set while a poll is held,
    `answered_at` is when the last one was answered. `outbox` is what its next answer will hold,
    `unconfirmed` what it has not said to have; each goes back to the queue when its timer ends.
    Times are those of the event loop, in seconds."""

    card: WorkerCard
    seen_at: float
    held: frozenset[InvocationId] = frozenset()
    held_at: float = float("-inf")
    arrived: asyncio.Event | None = None
    answered_at: float = float("-inf")
    runtimes: frozenset[str] = frozenset()
    named: NamedSlots = field(default_factory=NamedSlots)
    pool: PoolSlots = field(default_factory=PoolSlots)
    outbox: list[Handed] = field(default_factory=list)
    unconfirmed: dict[InvocationId, asyncio.TimerHandle] = field(default_factory=dict)

    def is_now(self, card: WorkerCard) -> None:
        """The worker has registered, perhaps again and with other functions or pools."""
        self.card = card
        self.runtimes = card.runtimes
        self.pool.per_function = card.pool_concurrency

    def offer(self, free: Mapping[str, int], pool_free: PoolFree) -> None:
        """The worker has so many slots, not counting what it does not know of yet."""
        self.named.offer(free)
        self.pool.offer(pool_free)

    def slots_for(self, version: FunctionVersion) -> Slots | None:
        """Those that may run it: of the pools if it was deployed, else those of its name. None if
        no pool here has its runtime."""
        if not version.deployed:
            return self.named
        return self.pool if version.runtime in self.runtimes else None

    def is_reachable(self, now: float) -> bool:
        """It polls, or was answered a moment ago: then it polls again right away, and what it gets
        for a slot left over from then need not wait for that."""
        return self.arrived is not None or now - self.answered_at <= _BETWEEN_POLLS_SECONDS

    def put(self, handed: Handed, unconfirmed: asyncio.TimerHandle) -> None:
        """What a slot was taken for is committed: it goes with the next answer."""
        self.unconfirmed[handed.invocation_id] = unconfirmed
        self.outbox.append(handed)
        if self.arrived is not None:
            self.arrived.set()

    def empty_outbox(self, now: float) -> list[Handed]:
        """The next answer, without what it is too late for."""
        self.answered_at = now
        outbox, self.outbox = self.outbox, []
        for handed in outbox:
            self._settle(handed)
        return [handed for handed in outbox if self._may_still_go(handed.invocation_id, now)]

    def saw(self, held: Iterable[InvocationId], now: float) -> list[InvocationId]:
        """The worker gave a sign of life, and has these. Answers those that it had not confirmed
        yet."""
        self.seen_at = now
        confirmed = []
        for id_ in held:
            timer = self.unconfirmed.pop(id_, None)
            if timer is not None:
                timer.cancel()
                confirmed.append(id_)
        return confirmed

    def drop(self, id_: InvocationId) -> bool:
        """Forget an invocation that was not confirmed in time; False if it was."""
        for handed in self.outbox:
            if handed.invocation_id == id_:
                self._settle(handed)
        self.outbox = [handed for handed in self.outbox if handed.invocation_id != id_]
        return self.unconfirmed.pop(id_, None) is not None

    def end_poll(self) -> None:
        """Answer the held poll, and count on none of its slots."""
        if self.arrived is not None:
            self.arrived.set()
        self.arrived = None
        self.named.withdraw()
        self.pool.withdraw()

    def _settle(self, handed: Handed) -> None:
        slots: Slots = self.pool if handed.version.deployed else self.named
        slots.settle(handed.identity.function_name)

    def _may_still_go(self, id_: InvocationId, now: float) -> bool:
        timer = self.unconfirmed.get(id_)
        return timer is not None and timer.when() > now
