"""What the service's dispatcher and scheduler do, one thing after the other: hand out invocations,
let what is due happen, tell parents of their children."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from perdure.testing.clock import VirtualClock
from perdure.testing.crash_plan import CrashPlan
from perdure.testing.errors import TooManyInvocations
from perdure.testing.functions import FunctionCatalogue
from perdure.testing.history_text import history_text
from perdure.testing.invocations import (
    CRASHED,
    invocation_event,
    invoke_durable,
    invoke_plain,
    lambda_context,
)
from perdure.testing.service import InMemoryService, Runs
from perdure.testing.store import Notice, Record, Store
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.decide_invocation import (
    Claim,
    Delivery,
    Failed,
    Returned,
    decide_claim,
    decide_invocation_end,
)
from perdure_service.domain.decide_time import decide_tick
from perdure_service.domain.effects import CallbackRow
from perdure_service.domain.execution import Execution, TimerKind
from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId
from perdure_service.domain.instant import Instant
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.domain.operations import OperationType

_WORKER = WorkerId("00000000-0000-7000-8000-000000000001")
_TIMEOUTS = frozenset({TimerKind.CALLBACK, TimerKind.HEARTBEAT})

Answer = Callable[[ExecutionId, CallbackRow], None]


@dataclass(frozen=True, slots=True)
class Bounds:
    """`invocations` are those of one execution, `invocation_seconds` are real ones."""

    executions: int = 10_000
    invocations: int = 1_000
    invocation_seconds: float = 20.0


@dataclass(order=True, slots=True)
class _Planned:
    at: Instant
    number: int
    act: Callable[[], None] = field(compare=False)


class Engine:
    """One invocation at a time, in the order in which they became ready."""

    def __init__(
        self, clock: VirtualClock, limits: Limits, policy: RetryPolicy, bounds: Bounds
    ) -> None:
        self.clock = clock
        self.limits = limits
        self.store = Store(clock)
        self.catalogue = FunctionCatalogue()
        self.plan = CrashPlan()
        self.runs = Runs()
        self.answers: dict[str, Answer] = {}
        self.invocations: Counter[ExecutionId] = Counter()
        self._policy = policy
        self._at_once = replace(policy, first_delay_seconds=0.0)
        self.bounds = bounds
        self._numbers = itertools.count(1)
        self._planned: list[_Planned] = []

    def at(self, instant: Instant, act: Callable[[], None]) -> None:
        """Do it when the clock is there."""
        heapq.heappush(self._planned, _Planned(instant, next(self._numbers), act))

    async def run_ready(self) -> None:
        """All that can happen without the clock being moved. Raises TooManyInvocations,
        InvocationHung."""
        while True:
            self._happen()
            record = self._next_ready()
            if record is None:
                return
            await self._invoke(record)

    async def run(self, until: Callable[[], bool], *, skip_time: bool) -> None:
        """Until `until`, or until only the outside world can move anything. Waits and retries
        pass at once if `skip_time`; a timeout of a callback never does."""
        await self.run_ready()
        while skip_time and not until():
            due_at = self._next_to_skip()
            if due_at is None:
                return
            self.clock.set(due_at)
            await self.run_ready()

    async def advance(self, target: Instant) -> None:
        """Let time pass, with all that happens on the way."""
        await self.run_ready()
        while (due := self._first_due()) is not None and due[0] <= target:
            self.clock.set(due[0])
            await self.run_ready()
        self.clock.set(target)

    def _next_to_skip(self) -> Instant | None:
        first = self._first_due()
        if first is None:
            return None
        due_at, kind = first
        stops = kind in _TIMEOUTS or (kind is TimerKind.EXECUTION and self._waits_for_outside())
        return None if stops else due_at

    def _first_due(self) -> tuple[Instant, TimerKind | None] | None:
        """When something will happen next; the kind of timer, if it is one."""
        dues: list[tuple[Instant, TimerKind | None]] = []
        if (timer := self.store.first_timer()) is not None:
            dues.append(timer[:2])
        if (queued := self.store.first_queued()) is not None:
            dues.append((queued[0], None))
        if self._planned:
            dues.append((self._planned[0].at, None))
        return min(dues, key=lambda due: due[0], default=None)

    def _waits_for_outside(self) -> bool:
        return any(
            record.live.pause is not None
            or any(
                operation.type is OperationType.CALLBACK and not operation.is_closed
                for operation in record.live.operations.values()
            )
            for record in self.store.records.values()
            if not record.live.is_closed
        )

    def _happen(self) -> None:
        """What is due, planned or to be told by now."""
        moved = True
        while moved:
            moved = False
            while self._planned and self._planned[0].at <= self.clock.now:
                heapq.heappop(self._planned).act()
                moved = True
            while (timer := self.store.first_timer()) is not None and timer[0] <= self.clock.now:
                self.store.commit(timer[2].live.id, decide_tick)
                moved = True
            while self.store.notices:
                self._tell(self.store.notices.popleft())
                moved = True
            while self.store.opened:
                id_, callback = self.store.opened.popleft()
                if (answer := self._answer_of(id_, callback)) is not None:
                    answer(id_, callback)
                    moved = True

    def _answer_of(self, id_: ExecutionId, callback: CallbackRow) -> Answer | None:
        """By its own name, or by that of the context of a wait_for_callback."""
        operations = self.store.record(id_).live.operations
        own = operations.get(callback.operation_id)
        context = operations.get(own.parent_id) if own is not None and own.parent_id else None
        names = (callback.name, context.name if context is not None else None)
        return next((self.answers[name] for name in names if name in self.answers), None)

    def _tell(self, notice: Notice) -> None:
        outcome = ChildOutcome.of(self.store.record(notice.child).live)
        self.store.commit(
            notice.parent.execution_id,
            lambda execution, moment: decide_child_closed(
                execution, notice.parent.operation_id, outcome, moment, self.limits
            ),
        )

    def _next_ready(self) -> Record | None:
        queued = self.store.first_queued()
        return queued[1] if queued is not None and queued[0] <= self.clock.now else None

    async def _invoke(self, record: Record) -> None:
        id_ = record.live.id
        self._count_invocation(record)
        claim = Claim(_WORKER, InvocationId(f"{next(self._numbers):08x}-0000-7000-9000-{0:012x}"))
        claimed = self.store.commit(
            id_, lambda execution, moment: decide_claim(execution, claim, moment)
        )
        if claimed.answer is None:
            return
        outcome = await self._outcome(claimed.after, claimed.answer)
        # Another worker takes over at once: the time is the same with a crash and without.
        policy = self._at_once if outcome is CRASHED else self._policy
        self.store.commit(
            id_,
            lambda execution, moment: decide_invocation_end(
                execution, claim.invocation_id, outcome, moment, policy, self.limits
            ),
        )

    async def _outcome(self, execution: Execution, delivery: Delivery) -> Returned | Failed:
        function = self.catalogue.named(execution.identity.function_name)
        context = lambda_context(function, execution, delivery, self.clock)
        seconds = self.bounds.invocation_seconds
        if not execution.identity.durable:
            return await invoke_plain(function, execution.input or "", context, seconds)
        service = InMemoryService(
            self.store,
            self.catalogue,
            self.limits,
            self.plan,
            self.runs,
            self.clock,
            context.deadline,
        )
        event = invocation_event(execution, delivery, self.limits)
        outcome = await invoke_durable(function, event, service, context, seconds)
        service.end()
        return outcome

    def _count_invocation(self, record: Record) -> None:
        if len(self.store.records) > self.bounds.executions:
            raise TooManyInvocations(
                f"more than {self.bounds.executions:,} executions. Does a function invoke itself "
                f"without end?\n{history_text(record, last=20)}"
            )
        id_ = record.live.id
        self.invocations[id_] += 1
        if self.invocations[id_] > self.bounds.invocations:
            raise TooManyInvocations(
                f"more than {self.bounds.invocations} invocations of one execution. Does it wait "
                "for something that never comes true? If it needs them, give the runner "
                f"`max_invocations`.\n{history_text(record, last=20)}"
            )
