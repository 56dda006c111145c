"""One worker that polls this replica: its slots, and what is on its way to it."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perdure_service.domain.ids import InvocationId
from perdure_service.ports.workers import Handed, WorkerCard

_BETWEEN_POLLS_SECONDS = 0.25


@dataclass(eq=False, slots=True)
class Session:
    """`held` is what the worker said to have at `held_at`. `arrived` is set while a poll is held,
    `answered_at` is when the last one was answered. `free` are the slots that it offered and that
    are not taken, `reserved` what is being committed for it, `outbox` what its next answer will
    hold, `unconfirmed` what it has not said to have; each goes back to the queue when its timer
    ends. Times are those of the event loop, in seconds."""

    card: WorkerCard
    seen_at: float
    held: frozenset[InvocationId] = frozenset()
    held_at: float = float("-inf")
    arrived: asyncio.Event | None = None
    answered_at: float = float("-inf")
    free: dict[str, int] = field(default_factory=dict)
    reserved: Counter[str] = field(default_factory=Counter)
    outbox: list[Handed] = field(default_factory=list)
    unconfirmed: dict[InvocationId, asyncio.TimerHandle] = field(default_factory=dict)

    def offer(self, free: Mapping[str, int]) -> None:
        """The worker has so many slots, not counting what it does not know of yet."""
        unknown = self.reserved + Counter(handed.version.function_name for handed in self.outbox)
        self.free = {name: count - unknown[name] for name, count in free.items()}

    def has_slot(self, function_name: str, now: float) -> bool:
        """A slot in the held poll, or left over from one that was answered a moment ago: the worker
        polls again right away, and what it gets then need not wait for that."""
        if self.arrived is None and now - self.answered_at > _BETWEEN_POLLS_SECONDS:
            return False
        return self.free.get(function_name, 0) > 0

    def take_slot(self, function_name: str) -> None:
        self.free[function_name] -= 1
        self.reserved[function_name] += 1

    def free_slot(self, function_name: str) -> None:
        """What the slot was taken for did not commit."""
        self.reserved[function_name] -= 1
        if function_name in self.free:
            self.free[function_name] += 1

    def put(self, handed: Handed, unconfirmed: asyncio.TimerHandle) -> None:
        """What a slot was taken for is committed: it goes with the next answer."""
        self.reserved[handed.identity.function_name] -= 1
        self.unconfirmed[handed.invocation_id] = unconfirmed
        self.outbox.append(handed)
        if self.arrived is not None:
            self.arrived.set()

    def empty_outbox(self, now: float) -> list[Handed]:
        """The next answer, without what it is too late for."""
        self.answered_at = now
        outbox, self.outbox = self.outbox, []
        return [handed for handed in outbox if self._may_still_go(handed.invocation_id, now)]

    def saw(self, held: Iterable[InvocationId], now: float) -> None:
        """The worker gave a sign of life, and has these."""
        self.seen_at = now
        for id_ in held:
            timer = self.unconfirmed.pop(id_, None)
            if timer is not None:
                timer.cancel()

    def drop(self, id_: InvocationId) -> bool:
        """Forget an invocation that was not confirmed in time; False if it was."""
        self.outbox = [handed for handed in self.outbox if handed.invocation_id != id_]
        return self.unconfirmed.pop(id_, None) is not None

    def end_poll(self) -> None:
        """Answer the held poll, and count on none of its slots."""
        if self.arrived is not None:
            self.arrived.set()
        self.arrived = None
        self.free = {}

    def _may_still_go(self, id_: InvocationId, now: float) -> bool:
        timer = self.unconfirmed.get(id_)
        return timer is not None and timer.when() > now
