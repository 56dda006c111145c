"""What the service's database would hold, in memory: executions, their logs, and what follows."""

from __future__ import annotations

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
from perdure_service.domain.execution import Execution, Ledger, ParentLink
from perdure_service.domain.folding import fold
from perdure_service.domain.ids import ExecutionId

T = TypeVar("T")


@dataclass(slots=True)
class Record:
    """One execution: its log, and what the log and its ledger make of it."""

    live: Execution
    log: list[Event] = field(default_factory=list)

    def at_event(self, event_id: int) -> Execution:
        """As it was after so many events, without the facts beside the log."""
        if event_id == self.live.last_event_id:
            return self.live
        return fold(Execution(identity=self.live.identity), self.log[:event_id], Ledger())


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

    def _write(self, before: Execution | None, decision: Decision[T]) -> None:
        after = decision.after
        record = self.records.setdefault(after.id, Record(after))
        record.live = after
        record.log += decision.events
        for child in decision.children:
            self._write(None, child)
        effects = effects_between(before, after, decision.events, decision.touched_timers)
        self.opened += ((after.id, row) for row in effects.callbacks_opened)
        if effects.notice is not None:
            self.notices.append(Notice(effects.notice, after.id))
