"""Any commands in any order, on two replicas with old caches and wrong clocks, keep one execution
whole: the log, the state, the tables and what the function was told never disagree."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from perdure_service.domain.apply_update import RefusedTarget, ResolvedTarget, Target
from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_success,
)
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.decide_checkpoint import Checkpoint
from perdure_service.domain.decide_invocation import Failed, Returned
from perdure_service.domain.decide_pause import PauseRequest, ResumeRequest
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decide_time import decide_tick
from perdure_service.domain.execution import OUTCOMES, FailureKind, ParentLink, Queued
from perdure_service.domain.instant import after
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.domain.operations import Action, ErrorObject, OperationType, OperationUpdate
from perdure_service.domain.tokens import CheckpointToken
from tests.property.simulated_store import Fate
from tests.property.updates import ANY_ID, IDS, OPENINGS, batches
from tests.property.world import PENDING, World
from tests.support.executions import identity, invocation_id, new_execution

WAIT, CALLBACK, CHAINED = (
    OperationType.WAIT,
    OperationType.CALLBACK,
    OperationType.CHAINED_INVOKE,
)
RETURNS = [
    Returned('{"Status": "SUCCEEDED", "Result": "done"}'),
    Returned('{"Status": "FAILED", "Error": {"ErrorMessage": "no"}}'),
    Returned('{"Status": "MAYBE"}'),
]
FAILURES = [Failed(kind, ErrorObject(type=kind.value)) for kind in FailureKind]
CHILDREN = st.builds(
    ChildOutcome,
    st.sampled_from(OUTCOMES),
    st.just(60),
    st.sampled_from([None, "ok", "x" * 70]),
)
REPLICAS = st.integers(0, 1)
FATES = st.sampled_from([Fate.COMMITTED] * 4 + [Fate.OUTCOME_UNKNOWN, Fate.CRASHED])
RARELY = st.sampled_from([False] * 7 + [True])
PARENT = ParentLink(identity(99).id, "invoke-shipping")


class ExecutionMachine(RuleBasedStateMachine):
    world: World
    is_sound = False

    @initialize(
        timeout_seconds=st.sampled_from([1_000_000, 15]),
        operations=st.sampled_from([3_000, 3_000, 8]),
        max_failures=st.sampled_from([None, None, 4]),
        parent=st.sampled_from([None, PARENT]),
        dead_letter_target=st.sampled_from([None, "http://127.0.0.1:9"]),
        begins=st.lists(st.sampled_from(OPENINGS), unique=True),
    )
    def start(
        self,
        timeout_seconds: int,
        operations: int,
        max_failures: int | None,
        parent: ParentLink | None,
        dead_letter_target: str | None,
        begins: list[OperationUpdate],
    ) -> None:
        self.world = World(
            new_execution(
                timeout_seconds=timeout_seconds,
                parent=parent,
                dead_letter_target=dead_letter_target,
            ),
            Limits(operations=operations, operation_payload_bytes=64),
            RetryPolicy(max_failures=max_failures, max_init_failures=4, max_idle_pending=4),
        )
        if begins:
            self.world.claim(0)
            token = self.world.function.token
            assert token is not None
            targets = {update.id: self.child(update.id) for update in begins}
            self.world.checkpoint(0, Checkpoint(token, begins, targets=targets))

    # The world around the replicas.

    @rule(
        seconds=st.sampled_from([0, 0.001, 0.5, 1, 1, 2, 5]),
        which=REPLICAS,
        skew_seconds=st.sampled_from([None, None, 0, -30, -1, -0.2, 0.2, 1, 5]),
        does=st.sampled_from(["nothing", "restart", "catch up", "group", "backup", "restore"]),
    )
    def time_passes(
        self, seconds: float, which: int, skew_seconds: float | None, does: str
    ) -> None:
        self.world.clock = after(self.world.clock, seconds)
        replica = self.world.replicas[which]
        if skew_seconds is not None:
            replica.skew_seconds = skew_seconds
        match does:
            case "restart":
                replica.forget()
            case "catch up":
                replica.catch_up()
            case "group":
                replica.is_busy = True
            case "backup":
                self.world.back_up()
            case "restore":
                self.world.restore()

    # Workers.

    @precondition(lambda self: self.world.is_queued())
    @rule(which=REPLICAS, fate=FATES, early=RARELY)
    def an_invocation_is_claimed(self, which: int, fate: Fate, early: bool) -> None:
        queued = self.world.store.ledger.invocation
        if isinstance(queued, Queued) and not early:
            self.world.clock = max(self.world.clock, queued.ready_at)
        self.world.claim(which, fate)

    @precondition(lambda self: self.world.is_running())
    @rule(
        which=REPLICAS,
        fate=FATES,
        is_bad=RARELY,
        what=st.sampled_from(["asks for more", "reports an old result", "never got it", "dies"]),
        outcome=st.sampled_from(FAILURES),
    )
    def a_worker_misbehaves(
        self, which: int, fate: Fate, is_bad: bool, what: str, outcome: Failed
    ) -> None:
        target = self.world.some_invocation() if is_bad else invocation_id(1)
        match what:
            case "asks for more":
                self.world.claim(which, fate)
            case "never got it":
                self.world.unclaim(which, target, fate)
            case "dies":
                self.world.end(which, target, outcome, fate)
            case _:
                self.world.end(which, invocation_id(1), RETURNS[0], fate)

    @precondition(lambda self: self.world.is_running())
    @rule(which=REPLICAS, fate=FATES, idle=RARELY)
    def the_function_suspends(self, which: int, fate: Fate, idle: bool) -> None:
        was_told_to = self.world.function.token is None
        if idle or was_told_to or self.world.has_open(WAIT, CALLBACK, CHAINED):
            self.world.end(which, self.world.some_invocation(), PENDING, fate)

    @precondition(lambda self: self.world.function.token)
    @rule(data=st.data(), which=REPLICAS, fate=FATES)
    def the_function_checkpoints(self, data: st.DataObject, which: int, fate: Fate) -> None:
        self.request(data, which, fate, self.world.function.token)

    @precondition(lambda self: self.world.function.token)
    @rule(data=st.data(), which=REPLICAS, elsewhere=REPLICAS, fate=FATES)
    def the_function_checkpoints_and_suspends(
        self, data: st.DataObject, which: int, elsewhere: int, fate: Fate
    ) -> None:
        self.request(data, which, fate, self.world.function.token)
        if self.world.has_open(WAIT, CALLBACK, CHAINED):
            self.world.end(elsewhere, self.world.some_invocation(), PENDING)

    @precondition(lambda self: self.world.function.requests)
    @rule(
        data=st.data(),
        which=REPLICAS,
        fate=FATES,
        what=st.sampled_from(["repeat", "repeat", "old token", "forged token", "client token"]),
    )
    def a_request_is_repeated_or_made_up(
        self, data: st.DataObject, which: int, fate: Fate, what: str
    ) -> None:
        ago = data.draw(st.integers(1, 3), label="ago")
        request = self.world.function.requests[-ago:][0]
        token = self.world.tokens[-ago:][0]
        match what:
            case "repeat":
                self.world.checkpoint(which, request, fate)
            case "client token":
                self.world.checkpoint(which, replace(request, token=token), fate)
            case "forged token":
                self.request(data, which, fate, replace(token, nonce=token.nonce + 1))
            case _:
                self.request(data, which, fate, token)

    # The outside world, time and operators.

    @precondition(lambda self: self.world.has_open(CALLBACK))
    @rule(
        data=st.data(),
        which=REPLICAS,
        fate=FATES,
        strange=RARELY,
        what=st.sampled_from(["lives", "lives", "succeeds", "fails"]),
        later_seconds=st.sampled_from([1, 0.5, 0]),
    )
    def somebody_calls_back(
        self,
        data: st.DataObject,
        which: int,
        fate: Fate,
        strange: bool,
        what: str,
        later_seconds: float,
    ) -> None:
        self.world.clock = after(self.world.clock, later_seconds)
        id_ = self.operation(data, CALLBACK, strange)
        run, error = self.world.run, ErrorObject("no")
        match what:
            case "lives":
                self.world.heartbeat(which, id_, fate)
            case "succeeds":
                run(which, lambda e, now: decide_callback_success(e, id_, "ok", now), fate=fate)
            case _:
                run(which, lambda e, now: decide_callback_failure(e, id_, error, now), fate=fate)

    @precondition(lambda self: self.world.function.token)
    @rule(data=st.data(), which=REPLICAS, fate=FATES)
    def a_callback_is_answered_as_it_opens(
        self, data: st.DataObject, which: int, fate: Fate
    ) -> None:
        """Both in one append."""
        world, token = self.world, self.world.function.token
        id_ = data.draw(st.sampled_from(IDS[CALLBACK]), label="operation")
        opens = OperationUpdate(id_, CALLBACK, Action.START, callback_timeout_seconds=5)
        assert token is not None
        world.replicas[which].is_busy = True
        world.checkpoint(which, Checkpoint(token, (opens,)), fate)
        world.run(which, lambda e, now: decide_callback_success(e, id_, "ok", now), fate=fate)

    @precondition(lambda self: self.world.has_open(CHAINED))
    @rule(data=st.data(), which=REPLICAS, fate=FATES, strange=RARELY, outcome=CHILDREN)
    def a_child_closes(
        self, data: st.DataObject, which: int, fate: Fate, strange: bool, outcome: ChildOutcome
    ) -> None:
        id_, limits = self.operation(data, CHAINED, strange), self.world.limits
        self.world.run(
            which, lambda e, now: decide_child_closed(e, id_, outcome, now, limits), fate=fate
        )

    @precondition(lambda self: len(self.world.store.tables.timers) > 1)
    @rule(which=REPLICAS, fate=FATES, on_time=st.booleans())
    def timers_are_looked_at(self, which: int, fate: Fate, on_time: bool) -> None:
        if on_time:
            self.world.await_next_timer()
        self.world.run(which, decide_tick, fate=fate)

    @rule(
        data=st.data(),
        which=REPLICAS,
        fate=FATES,
        again=RARELY,
        client_token=st.sampled_from([None, "a", "b"]),
        timeout_paused=st.booleans(),
        pauses=st.booleans(),
    )
    def an_operator_pauses_or_resumes(
        self,
        data: st.DataObject,
        which: int,
        fate: Fate,
        again: bool,
        client_token: str | None,
        timeout_paused: bool,
        pauses: bool,
    ) -> None:
        accepted = [request for request, _ in self.world.operator.accepted]
        if again and accepted:
            request = data.draw(st.sampled_from(accepted), label="request")
        else:
            number = next(self.world.numbers)
            token = client_token and f"{client_token}-{number}"
            request = PauseRequest(token, "why", timeout_paused) if pauses else ResumeRequest(token)
        self.world.steer(which, request, fate)

    @precondition(lambda self: self.world.function.token)
    @rule(
        data=st.data(),
        which=REPLICAS,
        elsewhere=REPLICAS,
        goes_on=st.booleans(),
        resumes=RARELY,
        then=st.sampled_from(["suspends", "suspends", "dies", "never got it"]),
    )
    def a_pause_cuts_the_function_short(
        self,
        data: st.DataObject,
        which: int,
        elsewhere: int,
        goes_on: bool,
        resumes: bool,
        then: str,
    ) -> None:
        world, token = self.world, self.world.function.token
        world.steer(which, PauseRequest())
        if goes_on:
            self.request(data, elsewhere, Fate.COMMITTED, token)
        if resumes:
            world.steer(elsewhere, ResumeRequest())
        match then:
            case "suspends":
                world.end(which, world.some_invocation(), PENDING)
            case "dies":
                world.end(which, world.some_invocation(), FAILURES[0])
            case _:
                world.unclaim(which, world.some_invocation())

    @precondition(lambda self: self.world.live.is_closed)
    @rule(which=REPLICAS, fate=FATES)
    def it_is_deleted(self, which: int, fate: Fate) -> None:
        self.world.delete(which, fate)

    @precondition(lambda self: len(self.world.store.log) > 12)
    @rule(which=REPLICAS, fate=FATES)
    def it_is_deleted_too_soon(self, which: int, fate: Fate) -> None:
        self.world.delete(which, fate)

    @precondition(lambda self: len(self.world.store.log) > 12)
    @rule(which=REPLICAS, fate=FATES, how=st.sampled_from([None, *RETURNS]))
    def it_is_brought_to_an_end(self, which: int, fate: Fate, how: Returned | None) -> None:
        if how is not None:
            self.world.end(which, self.world.some_invocation(), how, fate)
        else:
            stop = ErrorObject("enough")
            self.world.run(which, lambda e, now: decide_stop(e, stop, now), fate=fate)

    # What holds after each.

    @invariant()
    def all_agrees(self) -> None:
        self.is_sound = False
        self.world.check()
        self.world.check_replicas()
        self.is_sound = True

    def teardown(self) -> None:
        if self.is_sound:
            self.world.suspend_until_closed()

    # What the rules draw.

    def request(
        self, data: st.DataObject, which: int, fate: Fate, token: CheckpointToken | None
    ) -> None:
        assert token is not None
        updates = data.draw(batches(self.world.live, self.world.clock), label="updates")
        number = next(self.world.numbers)
        client_token = data.draw(st.sampled_from([f"request-{number}", None]))
        targets = {update.id: self.target(data, update) for update in updates}
        self.world.checkpoint(which, Checkpoint(token, updates, client_token, targets), fate)

    def target(self, data: st.DataObject, update: OperationUpdate) -> Target:
        if update.type is CHAINED and data.draw(RARELY, label="refused"):
            return RefusedTarget(ErrorObject("Function not found", "ResourceNotFoundException"))
        return self.child(update.id)

    def child(self, operation_id: str) -> ResolvedTarget:
        number = next(self.world.numbers)
        parent = ParentLink(self.world.live.id, operation_id)
        return ResolvedTarget(new_execution(number=number, parent=parent), number)

    def operation(self, data: st.DataObject, type_: OperationType, strange: bool) -> str:
        """One that is open, unless it shall be a strange one."""
        operations = self.world.live.operations.values()
        open_ = sorted(o.id for o in operations if o.type is type_ and not o.is_closed)
        return data.draw(ANY_ID if strange else st.sampled_from(open_), label="operation")


TestExecutionMachine = ExecutionMachine.TestCase
