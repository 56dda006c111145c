"""One execution and all that touches it: two replicas, their database, workers and the outside."""

from __future__ import annotations

import copy
import itertools
from typing import Any

from perdure_service.domain.decide_callback import decide_callback_heartbeat
from perdure_service.domain.decide_checkpoint import Checkpoint, decide_checkpoint
from perdure_service.domain.decide_delete import decide_delete
from perdure_service.domain.decide_invocation import (
    Claim,
    Ending,
    Failed,
    Returned,
    decide_claim,
    decide_invocation_end,
    decide_unclaim,
)
from perdure_service.domain.decide_pause import (
    PauseRequest,
    ResumeRequest,
    decide_pause,
    decide_resume,
)
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decide_time import decide_tick
from perdure_service.domain.decision import Decision, Moment, NewExecution
from perdure_service.domain.errors import DomainError
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Held,
    Queued,
    Running,
    TimerKind,
)
from perdure_service.domain.ids import InvocationId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.domain.operations import OperationType
from perdure_service.domain.tokens import CheckpointToken
from tests.property.expectations import (
    assert_caches_are_exact,
    assert_ends_are_final,
    assert_log_is_sound,
    assert_same,
    assert_status_tells_what_is,
    assert_will_wake,
    callbacks_of_state,
    timers_of_state,
)
from tests.property.function import Function
from tests.property.operator import Operator, Request
from tests.property.simulated_store import Command, Decide, Fate, Learn, Replica, Store, unheard
from tests.support.executions import EPOCH, WORKER, callback_id_of, invocation_id

PENDING = Returned('{"Status": "PENDING"}')


def succeeded(outcome: Decision[Any] | DomainError) -> Decision[Any]:
    assert isinstance(outcome, Decision), outcome
    return outcome


class World:
    def __init__(self, new: NewExecution, limits: Limits, policy: RetryPolicy) -> None:
        self.limits = limits
        self.policy = policy
        self.clock = EPOCH
        self.numbers = itertools.count(2)
        self.store = Store(decide_start(new, Moment(EPOCH, 1)))
        self.function = Function()
        self.operator = Operator()
        self.replicas = [Replica(self.store, self.numbers) for _ in range(2)]
        self.tokens: list[CheckpointToken] = []
        self._checked: Execution | None = None
        self.back_up()

    @property
    def live(self) -> Execution:
        return self.store.live

    def is_queued(self) -> bool:
        return isinstance(self.store.ledger.invocation, Queued)

    def is_running(self) -> bool:
        return self.function.running is not None

    def has_open(self, *types: OperationType) -> bool:
        return any(o.type in types and not o.is_closed for o in self.live.operations.values())

    # The database and its backup.

    def back_up(self) -> None:
        self._backup = (
            copy.copy(self.store),
            self.function.snapshot(),
            self.operator.snapshot(),
        )

    def restore(self) -> None:
        """All that came after the backup is lost; what it told the world is still out there."""
        store, function, operator = self._backup
        self.store, self.function = copy.copy(store), function.snapshot()
        self.operator = operator.snapshot()
        for replica in self.replicas:
            replica.store = self.store
            replica.forget()
        self._checked = None

    # Commands.

    def run(
        self, which: int, decide: Decide, learn: Learn = unheard, fate: Fate = Fate.COMMITTED
    ) -> None:
        replica = self.replicas[which]
        replica.waiting.append(Command(decide, learn))
        if replica.is_busy and len(replica.waiting) < 2:
            return
        replica.is_busy = False
        replica.flush(self.clock, fate)

    def claim(self, which: int, fate: Fate = Fate.COMMITTED) -> None:
        claim = Claim(WORKER, invocation_id(next(self.numbers)))

        def learn(outcome: Decision[Any] | DomainError) -> None:
            self.function.is_handed(succeeded(outcome))
            self._note_token()

        self.run(which, lambda e, moment: decide_claim(e, claim, moment), learn, fate)

    def unclaim(self, which: int, target: InvocationId, fate: Fate = Fate.COMMITTED) -> None:
        def learn(outcome: Decision[Any] | DomainError) -> None:
            assert succeeded(outcome).changes == (target == self.function.running)
            if succeeded(outcome).changes:
                self.function.ends()

        self.run(which, lambda e, moment: decide_unclaim(e, target, moment), learn, fate)

    def end(
        self,
        which: int,
        target: InvocationId,
        outcome: Returned | Failed,
        fate: Fate = Fate.COMMITTED,
    ) -> None:
        def learn(settled: Decision[Any] | DomainError) -> None:
            ending = succeeded(settled).answer
            assert (ending is Ending.APPLIED) == (target == self.function.running)
            if ending is Ending.APPLIED and succeeded(settled).after.ledger.failures is None:
                self.function.suspends()
            elif ending is Ending.APPLIED:
                self.function.ends()

        self.run(
            which,
            lambda execution, moment: decide_invocation_end(
                execution, target, outcome, moment, self.policy, self.limits
            ),
            learn,
            fate,
        )

    def checkpoint(self, which: int, request: Checkpoint, fate: Fate = Fate.COMMITTED) -> None:
        decided: list[tuple[Execution, Instant]] = []

        def decide(execution: Execution, moment: Moment) -> Decision[Any]:
            decided.append((execution, moment.clock))
            return decide_checkpoint(execution, request, moment, self.limits, callback_id_of)

        def learn(outcome: Decision[Any] | DomainError) -> None:
            self.function.checkpoints(request, outcome, *decided[-1], self.store)
            self._note_token()

        self.run(which, decide, learn, fate)

    def heartbeat(self, which: int, operation_id: str, fate: Fate = Fate.COMMITTED) -> None:
        def decide(execution: Execution, moment: Moment) -> Decision[None]:
            decision = decide_callback_heartbeat(execution, operation_id, moment)
            operation = decision.after.operations.get(operation_id)
            assert operation is not None
            seconds, now = operation.heartbeat_seconds, execution.effective_now(moment.clock)
            due_at = decision.after.armed.get((TimerKind.HEARTBEAT, operation_id))
            assert due_at == (after(now, seconds) if seconds else None)
            return decision

        self.run(which, decide, fate=fate)

    def steer(self, which: int, request: Request, fate: Fate = Fate.COMMITTED) -> None:
        """Pause or resume."""
        decided: list[tuple[Execution, Instant]] = []

        def decide(execution: Execution, moment: Moment) -> Decision[None]:
            decided.append((execution, moment.clock))
            if isinstance(request, PauseRequest):
                return decide_pause(execution, request, moment)
            return decide_resume(execution, request, moment)

        def learn(outcome: Decision[Any] | DomainError) -> None:
            self.operator.asked(request, outcome, *decided[-1])

        self.run(which, decide, learn, fate)

    def delete(self, which: int, fate: Fate = Fate.COMMITTED) -> None:
        decided: list[tuple[Execution, Instant]] = []

        def decide(execution: Execution, moment: Moment) -> Decision[Instant]:
            decided.append((execution, moment.clock))
            return decide_delete(execution, moment)

        def learn(outcome: Decision[Any] | DomainError) -> None:
            self.operator.deletes(outcome, *decided[-1])

        self.run(which, decide, learn, fate)

    def some_invocation(self) -> InvocationId:
        """The one that runs, or one that never was."""
        return self.function.running or invocation_id(1)

    def await_next_timer(self) -> None:
        self.clock = max([self.clock, *sorted(self.store.tables.timers.values())[:1]])

    def _note_token(self) -> None:
        token = self.function.token
        if token is not None and token not in self.tokens:
            self.tokens.append(token)

    # What holds at any time.

    def check(self) -> None:
        live, tables = self.live, self.store.tables
        if live is self._checked:
            return
        assert_ends_are_final(self._checked, live)
        self._checked = live
        assert_log_is_sound(self.store.log)
        assert_same(self.store.loaded(), live)
        assert dict(live.armed.items()) == tables.timers
        assert tables.timers == timers_of_state(live, self.store.log, self.store.heartbeats)
        assert tables.callbacks == callbacks_of_state(live)
        invocation = live.ledger.invocation
        assert tables.queue == (None if isinstance(invocation, Held) else invocation)
        assert tables.has_its_name == (live.ledger.deletion_requested_at is None)
        parent = live.identity.parent
        assert tables.notices == ((parent,) if live.is_closed and parent else ())
        undone = live.outcome not in (None, ExecutionStatus.SUCCEEDED)
        wanted = [live.outcome] if undone and live.identity.dead_letter_target else []
        assert [letter.status for letter in tables.letters] == wanted
        assert_caches_are_exact(live)
        running_id = invocation.id if isinstance(invocation, Running) else None
        assert running_id == self.function.running
        assert_status_tells_what_is(live, self.store.log)
        self.assert_will_wake()

    def assert_will_wake(self) -> None:
        function, timers = self.function, self.store.tables.timers
        cut_short = function.was_cut_short
        assert_will_wake(self.live, timers, function.delivered, was_cut_short=cut_short)

    def check_replicas(self) -> None:
        for replica in self.replicas:
            if replica.cached is not None:
                assert_same(self.store.fold_onto(replica.cached), self.live)

    # How it ends.

    def suspend_until_closed(self) -> None:
        """However it stands: a function that only ever suspends reaches the end of its time."""
        for replica in self.replicas:
            replica.skew_seconds = 0
            replica.is_busy = False
            replica.flush(self.clock, Fate.COMMITTED)
        for _ in range(200):
            if self.live.is_closed:
                break
            self._go_on()
            self.assert_will_wake()
        assert self.live.is_closed
        self.check()

    def _go_on(self) -> None:
        match self.store.ledger.invocation:
            case Queued(ready_at=ready_at):
                self.clock = max(self.clock, ready_at)
                self.claim(0)
            case Running(id=running_id):
                self.end(0, running_id, PENDING)
            case _ if self.live.status is ExecutionStatus.PAUSED:
                self.run(0, decide_tick)  # it may be out of time
                if not self.live.is_closed:
                    self.steer(0, ResumeRequest())
            case _:
                self.await_next_timer()
                self.run(0, decide_tick)
