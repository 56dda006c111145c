"""The service as one invocation sees it: `DurableService`, answered from memory by the rules of the
domain."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from perdure import service_api
from perdure.service_api import CheckpointAnswer, ServiceCallFailed, StatePage
from perdure.testing.children import resolved_targets
from perdure.testing.clock import VirtualClock
from perdure.testing.crash_plan import CrashPlan, Side
from perdure.testing.functions import FunctionCatalogue
from perdure.testing.store import Store
from perdure.testing.wire import checkpoint_answer, parse_updates, refusal, state_page
from perdure_service.domain.decide_checkpoint import (
    Accepted,
    Checkpoint,
    decide_checkpoint,
    require_current,
)
from perdure_service.domain.errors import DomainError, InvalidParameterValue
from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.ids import ExecutionArn, ExecutionId
from perdure_service.domain.instant import Instant
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import Action, OperationType, OperationUpdate
from perdure_service.domain.tokens import CheckpointToken, KeyRing, Marker, MarkerKind
from perdure_service.domain.views import (
    OperationPage,
    changed_between,
    changed_operations,
    page,
    visible_operations,
)

KEYS = KeyRing({1: b"nothing that a test signs is a secret"}, current=1)
_INTERRUPTED = "StepInterruptedError"
_OUTCOMES = (Action.SUCCEED, Action.FAIL, Action.RETRY)

RunKey = tuple[ExecutionId, str]
"""A step of an execution, by its operation id."""


class Runs:
    """How often the function of each step has run to its end, whether or not the service heard of
    it; the names of those that ran although they were complete; and how many were `interrupted`
    by crashes: they ran, or had ended, and the service had not heard of it."""

    def __init__(self) -> None:
        self.of_step: Counter[RunKey] = Counter()
        self.needless: list[str] = []
        self.interrupted = 0

    def note(self, execution: Execution, updates: Iterable[OperationUpdate]) -> None:
        for update in updates:
            if _is_outcome_of_a_run(update):
                self.of_step[execution.id, update.id] += 1
                known = execution.operations.get(update.id)
                if known is not None and known.is_closed:
                    self.needless.append(known.name or known.id)

    def note_crash(self, begun: int, told: int) -> None:
        """Of an invocation that began the functions of so many steps, and told of so many ends."""
        self.interrupted += max(0, begun - told)


def _is_outcome_of_a_run(update: OperationUpdate) -> bool:
    """False for an at-most-once step that is given up since its process died in it."""
    interrupted = update.error is not None and (update.error.type or "").endswith(_INTERRUPTED)
    return update.type is OperationType.STEP and update.action in _OUTCOMES and not interrupted


class InMemoryService:
    """Implements DurableService for one invocation. Once that is `lost`, crashed by the plan or out
    of time at `deadline`, every call fails as if the network were gone: what a dying function still
    does changes nothing."""

    def __init__(
        self,
        store: Store,
        catalogue: FunctionCatalogue,
        limits: Limits,
        plan: CrashPlan,
        runs: Runs,
        clock: VirtualClock,
        deadline: Instant,
    ) -> None:
        self._store = store
        self._catalogue = catalogue
        self._limits = limits
        self._plan = plan
        self._runs = runs
        self._clock = clock
        self._deadline = deadline
        self.has_crashed = False
        self._begun = 0
        self._told = 0

    def step_begins(self) -> None:
        """Our SDK calls this before each function of a step, in any thread, under its lock."""
        self._begun += 1

    def end(self) -> None:
        """The invocation is over, with all that ran in it."""
        if self.has_crashed:
            self._runs.note_crash(self._begun, self._told)

    @property
    def is_out_of_time(self) -> bool:
        return self._clock.now >= self._deadline

    @property
    def is_lost(self) -> bool:
        return self.has_crashed or self.is_out_of_time

    async def checkpoint(
        self,
        arn: str,
        token: str,
        updates: Sequence[service_api.OperationUpdate],
        client_token: str,
    ) -> CheckpointAnswer:
        """Raises ServiceCallFailed."""
        if self.is_lost:
            raise _gone()
        number = self._plan.count()
        try:
            presented = _read_token(arn, token)
            parsed = parse_updates(updates)
            execution = self._store.record(presented.execution_id).live
            self._runs.note(execution, parsed)
            self._crash_if(number, Side.BEFORE)
            answer = self._checkpoint(presented, parsed, client_token)
            self._told += sum(map(_is_outcome_of_a_run, parsed))
        except DomainError as error:
            raise refusal(error) from None
        self._crash_if(number, Side.AFTER)
        return answer

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        """Raises ServiceCallFailed."""
        if self.is_lost:
            raise _gone()
        try:
            return self._state(_read_token(arn, token), marker, max_items)
        except DomainError as error:
            raise refusal(error) from None

    def _crash_if(self, number: int, side: Side) -> None:
        if self._plan.strikes(number, side):
            self.has_crashed = True
            raise _gone()

    def _checkpoint(
        self, presented: CheckpointToken, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        id_ = presented.execution_id
        execution = self._store.record(id_).live
        request = Checkpoint(
            presented,
            updates,
            client_token,
            resolved_targets(execution, updates, self._catalogue, self._store.moment),
        )
        decision = self._store.commit(
            id_,
            lambda execution, moment: decide_checkpoint(
                execution, request, moment, self._limits, KEYS.issue_callback_id
            ),
        )
        answer = decision.answer
        state = decision.after
        if isinstance(answer, Accepted):
            changed: Sequence[str] = answer.changed
        else:
            state = self._store.record(id_).at_event(answer.upto.event_id)
            changed = changed_between(state, answer.since, answer.upto)
        shown = page(
            changed_operations(state, changed),
            answer.upto,
            after_position=0,
            max_items=self._limits.state_page_items,
            max_bytes=self._limits.state_page_bytes,
        )
        marker = next_marker(id_, MarkerKind.DELTA, shown, answer.since)
        token = answer.token
        return checkpoint_answer(
            shown, marker, KEYS.issue_checkpoint_token(token) if token is not None else None
        )

    def _state(self, presented: CheckpointToken, text: str, max_items: int) -> StatePage:
        record = self._store.record(presented.execution_id)
        require_current(record.live, presented)
        marker = (
            KEYS.read_marker(text)
            if text
            else Marker(
                presented.execution_id,
                MarkerKind.STATE,
                record.live.ledger.seen.now,
                record.live.ledger.seen,
                0,
            )
        )
        execution = record.at_event(marker.upto.event_id)
        if marker.kind is MarkerKind.DELTA:
            changed = changed_between(execution, marker.since, marker.upto)
            operations = changed_operations(execution, changed)
        else:
            operations = visible_operations(execution)
        shown = page(
            operations,
            marker.upto,
            after_position=marker.position,
            max_items=max_items,
            max_bytes=self._limits.state_page_bytes,
            execution_input=execution.input,
        )
        following = next_marker(execution.id, marker.kind, shown, marker.since)
        return state_page(shown, following, execution.input)


def next_marker(
    id_: ExecutionId, kind: MarkerKind, shown: OperationPage, since: Sight
) -> str | None:
    """None after the last page."""
    if shown.next_position is None:
        return None
    return KEYS.issue_marker(
        Marker(id_, kind, shown.upto.now, shown.upto, shown.next_position, since)
    )


def _read_token(arn: str, token: str) -> CheckpointToken:
    presented = KEYS.read_checkpoint_token(token)
    if presented.execution_id != ExecutionArn.parse(arn).id:
        raise InvalidParameterValue("Checkpoint token is not valid for the durable execution ARN")
    return presented


def _gone() -> ServiceCallFailed:
    return ServiceCallFailed("this invocation is over: the test let it crash, or run out of time")
