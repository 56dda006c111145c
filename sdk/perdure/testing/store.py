"""What the service's database would hold, in memory: executions, their logs, and what follows."""

from __future__ import annotations

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from perdure.testing.clock import VirtualClock
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decision import Decision, Moment, NewExecution
from perdure_service.domain.effects import CallbackRow, effects_between
from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Ledger, ParentLink, Queued, TimerKind
from perdure_service.domain.folding import fold
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import NEVER, Instant

T = TypeVar("T")


@dataclass(slots=True)
class Record:
    """One execution: its log, and what the log and its ledger make of it. `number` counts them in
    the order of their starts."""

    number: int
    live: Execution
    log: list[Event] = field(default_factory=list)

    def at_event(self, event_id: int) -> Execution:
        """As it was after so many events, without the facts beside the log."""
        if event_id == self.live.last_event_id:
            return self.live
        return fold(Execution(identity=self.live.identity), self.log[:event_id], Ledger())


Due = tuple[Instant, int, ExecutionId]
"""When something of an execution is due, its number and its id: ordered by these."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A child has closed; its parent has to hear of it."""

    parent: ParentLink
    child: ExecutionId


class Store:
    """Every write is a decision of the domain. Handlers write from their threads: one at a time."""

    def __init__(self, clock: VirtualClock) -> None:
        self._clock = clock
        self._nonces = itertools.count(1)
        self._lock = threading.RLock()
        self.records: dict[ExecutionId, Record] = {}
        self._timers: list[Due] = []
        self._queue: list[Due] = []
        self.notices: deque[Notice] = deque()
        self.opened: deque[tuple[ExecutionId, CallbackRow]] = deque()

    def moment(self) -> Moment:
        return Moment(self._clock.now, next(self._nonces))

    def start(self, new: NewExecution) -> Record:
        with self._lock:
            decision = decide_start(new, self.moment())
            self._write(None, decision)
            return self.records[decision.after.id]

    def record(self, id_: ExecutionId) -> Record:
        """Raises ResourceNotFound."""
        try:
            return self.records[id_]
        except KeyError:
            raise ResourceNotFound(f"Durable Execution does not exist: {id_}") from None

    def commit(
        self, id_: ExecutionId, decide: Callable[[Execution, Moment], Decision[T]]
    ) -> Decision[T]:
        """Decide on the newest state and write what follows. Raises what `decide` raises, with
        nothing written."""
        with self._lock:
            live = self.record(id_).live
            decision = decide(live, self.moment())
            if decision.changes:
                self._write(live, decision)
            return decision

    def first_timer(self) -> tuple[Instant, TimerKind, Record] | None:
        """The timer that is due first."""
        while self._timers:
            due_at, _, id_ = self._timers[0]
            record = self.records[id_]
            if not record.live.is_closed and record.live.next_due_at == due_at:
                kinds = (kind for (kind, _), at in record.live.armed.items() if at == due_at)
                return due_at, min(kinds), record
            heapq.heappop(self._timers)
        return None

    def first_queued(self) -> tuple[Instant, Record] | None:
        """The invocation that is, or will be, ready first."""
        while self._queue:
            ready_at, _, id_ = self._queue[0]
            record = self.records[id_]
            queued = record.live.ledger.invocation
            if isinstance(queued, Queued) and queued.ready_at == ready_at:
                return ready_at, record
            heapq.heappop(self._queue)
        return None

    def _write(self, before: Execution | None, decision: Decision[T]) -> None:
        after = decision.after
        record = self.records.setdefault(after.id, Record(len(self.records), after))
        record.live = after
        record.log += decision.events
        self._note_dues(record)
        for child in decision.children:
            self._write(None, child)
        effects = effects_between(before, after, decision.events, decision.touched_timers)
        self.opened += ((after.id, row) for row in effects.callbacks_opened)
        if effects.notice is not None:
            self.notices.append(Notice(effects.notice, after.id))

    def _note_dues(self, record: Record) -> None:
        """What is no longer so is passed over when it comes up."""
        live = record.live
        if live.is_closed:
            return
        if live.next_due_at < NEVER:
            heapq.heappush(self._timers, (live.next_due_at, record.number, live.id))
        if isinstance(queued := live.ledger.invocation, Queued):
            heapq.heappush(self._queue, (queued.ready_at, record.number, live.id))
