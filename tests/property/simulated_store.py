"""Two replicas and the database between them, small enough to be looked through after each command.

The store keeps what Postgres keeps of one execution: the log, the row and the tables that
`effects_between` derives. A replica keeps what a process keeps: a cached state that may be old, a
clock that may be wrong, and commands that wait to go out as one append.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from perdure_service.domain.decision import Decision, Moment
from perdure_service.domain.effects import CallbackRow, DeadLetter, Effects, effects_between
from perdure_service.domain.errors import DomainError
from perdure_service.domain.events import Event
from perdure_service.domain.execution import (
    Execution,
    Ledger,
    ParentLink,
    Queued,
    Running,
    TimerKey,
    TimerKind,
)
from perdure_service.domain.folding import fold
from perdure_service.domain.instant import Instant, after


@dataclass(frozen=True)
class Tables:
    """The derived rows of one execution."""

    timers: Mapping[TimerKey, Instant] = field(default_factory=dict)
    callbacks: Mapping[str, CallbackRow] = field(default_factory=dict)
    queue: Queued | Running | None = None
    notices: tuple[ParentLink, ...] = ()
    letters: tuple[DeadLetter, ...] = ()
    has_its_name: bool = True

    def with_effects(self, effects: Effects) -> Tables:
        timers = {} if effects.closed else dict(self.timers)
        callbacks = {} if effects.closed else dict(self.callbacks)
        timers.update((row.key, row.due_at) for row in effects.timers_set)
        for key in effects.timers_cleared:
            del timers[key]
        for row in effects.callbacks_opened:
            assert row.operation_id not in callbacks, "the insert would break the primary key"
            callbacks[row.operation_id] = row
        for operation_id in effects.callbacks_closed:
            del callbacks[operation_id]
        notice = () if effects.notice is None else (effects.notice,)
        letter = () if effects.dead_letter is None else (effects.dead_letter,)
        return Tables(
            timers,
            callbacks,
            effects.queue if effects.queue_moved else self.queue,
            self.notices + notice,
            self.letters + letter,
            self.has_its_name and not effects.given_up,
        )


class Store:
    """One execution as the database holds it. `live` is what the deciders made of it, kept to be
    compared with what a fold makes of it."""

    def __init__(self, start: Decision[None]) -> None:
        self.log: tuple[Event, ...] = ()
        self.tables = Tables()
        self.live = start.after
        self._write(None, [start])

    @property
    def ledger(self) -> Ledger:
        return self.live.ledger

    @property
    def heartbeats(self) -> dict[str, Instant]:
        return {
            operation_id: due_at
            for (kind, operation_id), due_at in self.tables.timers.items()
            if kind is TimerKind.HEARTBEAT
        }

    def stands_at(self, execution: Execution) -> bool:
        """The fence: the row is as the decision saw it."""
        row, seen = self.ledger, execution.ledger
        return (row.version, row.nonce) == (seen.version, seen.nonce)

    def append(self, decisions: Sequence[Decision[Any]]) -> bool:
        """Write all of `decisions`, each made on the state after the one before it, or nothing."""
        if not self.stands_at(decisions[0].before):
            return False
        self._write(decisions[0].before, decisions)
        return True

    def fold_onto(self, execution: Execution) -> Execution:
        """`execution` caught up with the log."""
        return fold(execution, self.log[execution.last_event_id :], self.ledger, self.heartbeats)

    def loaded(self) -> Execution:
        """The whole log, read anew."""
        return self.fold_onto(Execution(identity=self.live.identity))

    def read_at(self, event_id: int) -> Execution:
        """The first `event_id` events, as a repeated answer is made from them."""
        return fold(Execution(identity=self.live.identity), self.log[:event_id], Ledger())

    def _write(self, before: Execution | None, decisions: Sequence[Decision[Any]]) -> None:
        events = [event for decision in decisions for event in decision.events]
        touched = frozenset[TimerKey]().union(*(decision.touched_timers for decision in decisions))
        self.live = decisions[-1].after
        self.log += tuple(events)
        self.tables = self.tables.with_effects(effects_between(before, self.live, events, touched))


class Fate(Enum):
    """What becomes of an append. (A lost answer is a commit that the caller asks for again.)"""

    COMMITTED = "committed"
    OUTCOME_UNKNOWN = "committed, but the replica cannot know and forgets the execution"
    CRASHED = "nothing written, the replica starts anew"


Decide = Callable[[Execution, Moment], Decision[Any]]
Learn = Callable[[Decision[Any] | DomainError], None]


def unheard(_: Decision[Any] | DomainError) -> None:
    """For a caller who does not listen."""


@dataclass(frozen=True)
class Command:
    """What to decide, and who learns the settled outcome: the decision or the refusal."""

    decide: Decide
    learn: Learn


class Replica:
    """A process with a cached state, which it believes until the fence tells it otherwise. While it
    `is_busy` committing, its next two commands wait and go out as one append."""

    def __init__(self, store: Store, nonces: Iterator[int], skew_seconds: float = 0) -> None:
        self.store = store
        self.nonces = nonces
        self.skew_seconds = skew_seconds
        self.cached: Execution | None = None
        self.waiting: list[Command] = []
        self.is_busy = False

    def forget(self) -> None:
        self.cached = None

    def catch_up(self) -> Execution:
        cached = self.cached
        self.cached = self.store.loaded() if cached is None else self.store.fold_onto(cached)
        return self.cached

    def flush(self, clock: Instant, fate: Fate) -> None:
        """Decide all that waits, in turn, and append it as one; again if the fence is lost."""
        commands, self.waiting = self.waiting, []
        seen = self.cached or self.catch_up()
        outcomes = self._decide(commands, seen, clock)
        if fate is Fate.CRASHED:
            self.forget()
            return
        if not self._settles(seen, outcomes):
            seen = self.catch_up()
            outcomes = self._decide(commands, seen, clock)
            assert self._settles(seen, outcomes), "nobody else wrote meanwhile"
        if fate is Fate.OUTCOME_UNKNOWN:
            self.forget()
        else:
            self.cached = self.store.live
        for command, outcome in zip(commands, outcomes, strict=True):
            command.learn(outcome)

    def _decide(
        self, commands: Sequence[Command], execution: Execution, clock: Instant
    ) -> list[Decision[Any] | DomainError]:
        outcomes: list[Decision[Any] | DomainError] = []
        for command in commands:
            moment = Moment(after(clock, self.skew_seconds), next(self.nonces))
            try:
                decision = command.decide(execution, moment)
            except DomainError as refusal:
                outcomes.append(refusal)
            else:
                outcomes.append(decision)
                execution = decision.after
        return outcomes

    def _settles(self, seen: Execution, outcomes: Sequence[Decision[Any] | DomainError]) -> bool:
        written = [o for o in outcomes if isinstance(o, Decision) and o.changes]
        return self.store.append(written) if written else self.store.stands_at(seen)
