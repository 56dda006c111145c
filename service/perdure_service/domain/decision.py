"""What a decision is made with (`Draft`) and what comes out of it (`Decision`)."""

from __future__ import annotations

from typing import Generic, TypeVar, cast

from perdure_service.domain.changed import changed
from perdure_service.domain.events import Event, EventDetail, EventType
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Held,
    Identity,
    InvocationState,
    Queued,
    Running,
    TimerKey,
    shown_status,
)
from perdure_service.domain.folding import Folding
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject, Operation, OperationUpdate
from perdure_service.domain.pauses import Pausing

T = TypeVar("T")


@frozen
class Moment:
    """What a command may know of the world: the clock, and 63 random bits for its write."""

    clock: Instant
    nonce: int


@frozen
class NewExecution:
    """An execution about to start: its identity and its input, byte for byte."""

    identity: Identity
    input: str


@frozen
class Decision(Generic[T]):
    """The outcome of one command on one execution.

    `after` is the state once `events` are appended; `answer` what the caller is told after the
    commit. `children` start, and the notices of `heard` operations go, in the same commit. A
    decision that `changes` nothing is answered without a write.
    """

    before: Execution
    after: Execution
    events: tuple[Event, ...]
    answer: T
    touched_timers: frozenset[TimerKey] = frozenset()
    children: tuple[Decision[None], ...] = ()
    heard: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        return self.after.ledger.version != self.before.ledger.version


def nothing(execution: Execution, answer: T) -> Decision[T]:
    """A decision to leave everything as it is."""
    return Decision(before=execution, after=execution, events=(), answer=answer)


class Draft:
    """An execution while one command changes it. Discarded as a whole if the command is refused."""

    def __init__(self, execution: Execution, moment: Moment) -> None:
        self.before = execution
        self.now = execution.effective_now(moment.clock)
        self._noted: dict[str, object] = {}
        self.events: list[Event] = []
        self.children: list[Decision[None]] = []
        self.heard: list[str] = []
        self._nonce = moment.nonce
        self.folding = Folding(execution)

    @property
    def is_closed(self) -> bool:
        return self.folding.is_closed

    @property
    def status(self) -> ExecutionStatus:
        return shown_status(
            self.folding.outcome,
            pauses=self.pausing is not None,
            is_paused=self.folding.pause is not None,
            is_given_up=self.before.ledger.deletion_requested_at is not None,
        )

    @property
    def invocation(self) -> InvocationState | None:
        """The invocation queued, in flight or held, as far as this draft goes."""
        noted = self._noted.get("invocation", self.before.ledger.invocation)
        return cast("InvocationState | None", noted)

    @property
    def pausing(self) -> Pausing | None:
        """The pause that was asked for and does not hold yet, as far as this draft goes."""
        return cast("Pausing | None", self._noted.get("pausing", self.before.ledger.pausing))

    def operation(self, operation_id: str) -> Operation | None:
        return self.folding.operation(operation_id)

    def note(self, **facts: object) -> None:
        """Change facts of the ledger, by the names of its fields."""
        self._noted.update(facts)

    def emit(
        self,
        type_: EventType,
        *,
        of: Operation | OperationUpdate | None = None,
        payload: str | None = None,
        error: ErrorObject | None = None,
        detail: EventDetail | None = None,
    ) -> Event:
        """Append the next event, about operation `of`; None is the execution or its invocation."""
        known = self.operation(of.id) if of is not None else None
        named = known if known is not None else of
        event = Event(
            id=self.folding.last_event_id + 1,
            type=type_,
            at=self.now,
            operation_id=named.id if named else self._own_id(type_),
            parent_id=named.parent_id if named else None,
            name=named.name if named else self._own_name(type_),
            sub_type=named.sub_type if named else None,
            payload=payload,
            error=error,
            detail=detail,
        )
        self.folding.apply(event)
        self.events.append(event)
        return event

    def wake(self, *, at: Instant | None = None) -> None:
        """Queue an invocation, now or `at`; while paused, hold it. If there is one already that one
        serves: what a running one was not shown in its initial state is owed to it (see `owes`).
        """
        if not self.is_closed and self.invocation is None:
            ready_at = self.now if at is None else at
            paused = self.folding.pause is not None
            self.note(invocation=Held(ready_at) if paused else Queued(ready_at))

    def close(
        self, type_: EventType, *, payload: str | None = None, error: ErrorObject | None = None
    ) -> None:
        """Append the closing event. An invocation that is queued or held is dropped, and so is a
        pause that was asked for; an invocation in flight may still end."""
        self.emit(type_, payload=payload, error=error)
        self.note(pausing=None)
        if not isinstance(self.invocation, Running):
            self.note(invocation=None)

    def settle(self, answer: T) -> Decision[T]:
        """The decision, with the fence moved by one."""
        before = self.before.ledger
        self.note(version=before.version + 1, nonce=self._nonce)
        ledger = changed(before, **self._noted)
        return Decision(
            before=self.before,
            after=self.folding.result(ledger),
            events=tuple(self.events),
            answer=answer,
            touched_timers=frozenset(self.folding.touched_timers),
            children=tuple(self.children),
            heard=tuple(self.heard),
        )

    def _own_id(self, type_: EventType) -> str | None:
        return None if type_ is EventType.INVOCATION_COMPLETED else self.before.id

    def _own_name(self, type_: EventType) -> str | None:
        return None if type_ is EventType.INVOCATION_COMPLETED else self.before.identity.name
