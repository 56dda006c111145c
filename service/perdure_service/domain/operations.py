"""Operations, and the one table of their transitions.

`TRANSITIONS` holds what a function may ask for in a checkpoint, `COMPLETIONS` what the service
does by itself. `docs/reference/operations.md` is printed from these two.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from perdure_service.domain.errors import InvalidCheckpoint
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant


class OperationType(StrEnum):
    EXECUTION = "EXECUTION"
    CONTEXT = "CONTEXT"
    STEP = "STEP"
    WAIT = "WAIT"
    CALLBACK = "CALLBACK"
    CHAINED_INVOKE = "CHAINED_INVOKE"


class Action(StrEnum):
    START = "START"
    SUCCEED = "SUCCEED"
    FAIL = "FAIL"
    RETRY = "RETRY"
    CANCEL = "CANCEL"


class Status(StrEnum):
    """An operation's status. READY is never stored: it is PENDING whose time has come."""

    STARTED = "STARTED"
    PENDING = "PENDING"
    READY = "READY"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"


class Completion(StrEnum):
    """What completes or changes an operation from outside the function."""

    TIME_REACHED = "time reached"
    RESOLVED = "callback succeeded"
    REJECTED = "callback failed"
    TARGET_REFUSED = "target refused"
    CHILD_SUCCEEDED = "child succeeded"
    CHILD_FAILED = "child failed"
    CHILD_TIMED_OUT = "child timed out"
    CHILD_STOPPED = "child stopped"


_T, _A, _S, _C = OperationType, Action, Status, Completion

TRANSITIONS: Mapping[tuple[OperationType, Status | None, Action], Status] = {
    (_T.EXECUTION, _S.STARTED, _A.SUCCEED): _S.SUCCEEDED,
    (_T.EXECUTION, _S.STARTED, _A.FAIL): _S.FAILED,
    (_T.CONTEXT, None, _A.START): _S.STARTED,
    (_T.CONTEXT, None, _A.SUCCEED): _S.SUCCEEDED,
    (_T.CONTEXT, None, _A.FAIL): _S.FAILED,
    (_T.CONTEXT, _S.STARTED, _A.SUCCEED): _S.SUCCEEDED,
    (_T.CONTEXT, _S.STARTED, _A.FAIL): _S.FAILED,
    (_T.STEP, None, _A.START): _S.STARTED,
    (_T.STEP, _S.READY, _A.START): _S.STARTED,
    (_T.STEP, None, _A.SUCCEED): _S.SUCCEEDED,
    (_T.STEP, _S.STARTED, _A.SUCCEED): _S.SUCCEEDED,
    (_T.STEP, _S.READY, _A.SUCCEED): _S.SUCCEEDED,
    (_T.STEP, None, _A.FAIL): _S.FAILED,
    (_T.STEP, _S.STARTED, _A.FAIL): _S.FAILED,
    (_T.STEP, _S.READY, _A.FAIL): _S.FAILED,
    (_T.STEP, None, _A.RETRY): _S.PENDING,
    (_T.STEP, _S.STARTED, _A.RETRY): _S.PENDING,
    (_T.STEP, _S.READY, _A.RETRY): _S.PENDING,
    (_T.WAIT, None, _A.START): _S.STARTED,
    (_T.WAIT, _S.STARTED, _A.CANCEL): _S.CANCELLED,
    (_T.CALLBACK, None, _A.START): _S.STARTED,
    (_T.CHAINED_INVOKE, None, _A.START): _S.STARTED,
}

COMPLETIONS: Mapping[tuple[OperationType, Status, Completion], Status] = {
    (_T.STEP, _S.PENDING, _C.TIME_REACHED): _S.READY,
    (_T.WAIT, _S.STARTED, _C.TIME_REACHED): _S.SUCCEEDED,
    (_T.CALLBACK, _S.STARTED, _C.TIME_REACHED): _S.TIMED_OUT,
    (_T.CALLBACK, _S.STARTED, _C.RESOLVED): _S.SUCCEEDED,
    (_T.CALLBACK, _S.STARTED, _C.REJECTED): _S.FAILED,
    (_T.CHAINED_INVOKE, _S.STARTED, _C.TARGET_REFUSED): _S.FAILED,
    (_T.CHAINED_INVOKE, _S.STARTED, _C.CHILD_SUCCEEDED): _S.SUCCEEDED,
    (_T.CHAINED_INVOKE, _S.STARTED, _C.CHILD_FAILED): _S.FAILED,
    (_T.CHAINED_INVOKE, _S.STARTED, _C.CHILD_TIMED_OUT): _S.TIMED_OUT,
    (_T.CHAINED_INVOKE, _S.STARTED, _C.CHILD_STOPPED): _S.STOPPED,
}

_REFUSALS: Mapping[tuple[OperationType, Action], str] = {
    (_T.CONTEXT, _A.START): "Cannot start a CONTEXT that already exist.",
    (_T.CONTEXT, _A.SUCCEED): "Invalid current CONTEXT state to close.",
    (_T.CONTEXT, _A.FAIL): "Invalid current CONTEXT state to close.",
    (_T.STEP, _A.START): "Invalid current STEP state to start.",
    (_T.STEP, _A.SUCCEED): "Invalid current STEP state to close.",
    (_T.STEP, _A.FAIL): "Invalid current STEP state to close.",
    (_T.STEP, _A.RETRY): "Invalid current STEP state to re-attempt.",
    (_T.WAIT, _A.START): "Cannot start a WAIT that already exist.",
    (_T.WAIT, _A.CANCEL): "Cannot cancel a WAIT that does not exist or has already completed.",
    (_T.CALLBACK, _A.START): "Cannot start a CALLBACK that already exist.",
    (_T.CHAINED_INVOKE, _A.START): "Cannot start a CHAINED_INVOKE that already exist.",
}

ALLOWED_ACTIONS: frozenset[tuple[OperationType, Action]] = frozenset(
    (type_, action) for type_, _, action in TRANSITIONS
)


def next_status(type_: OperationType, status: Status | None, action: Action) -> Status:
    """The status after `action`. Raises InvalidCheckpoint, with Lambda's text, if it is illegal."""
    following = TRANSITIONS.get((type_, status, action))
    if following is None:
        raise InvalidCheckpoint(
            _REFUSALS.get((type_, action), "Invalid action for the given operation type.")
        )
    return following


@frozen
class ErrorObject:
    """A failure as Lambda carries it. Absent members are None."""

    message: str | None = None
    type: str | None = None
    data: str | None = None
    stack_trace: tuple[str, ...] | None = None

    @property
    def size_bytes(self) -> int:
        texts = (self.message or "", self.type or "", self.data or "", *(self.stack_trace or ()))
        return sum(len(text.encode()) for text in texts)


@frozen
class Operation:
    """One durable operation, as the log tells it.

    `sequence` is the id of the event that created it and the order in which state is listed.
    `due_at` is a WAIT's end or a CALLBACK's timeout; a CHAINED_INVOKE without `executed_version`
    was refused before it began; `result` of a PENDING or restarted STEP is the payload of its last
    RETRY (the state of a wait-for-condition).
    """

    id: str
    type: OperationType
    status: Status
    sequence: int
    last_event_id: int
    started_at: Instant
    ended_at: Instant | None = None
    parent_id: str | None = None
    name: str | None = None
    sub_type: str | None = None
    attempt: int = 0
    result: str | None = None
    error: ErrorObject | None = None
    next_attempt_at: Instant | None = None
    due_at: Instant | None = None
    duration_seconds: int | None = None
    timeout_seconds: int | None = None
    heartbeat_seconds: int | None = None
    callback_id: str | None = None
    replay_children: bool = False
    executed_version: str | None = None

    def status_at(self, now: Instant) -> Status:
        """The status that a reader at `now` sees: a PENDING step whose time has come is READY."""
        due = self.next_attempt_at
        if self.status is Status.PENDING and due is not None and due <= now:
            return COMPLETIONS[OperationType.STEP, Status.PENDING, Completion.TIME_REACHED]
        return self.status

    @property
    def is_closed(self) -> bool:
        return self.status in CLOSED_STATUSES


CLOSED_STATUSES = frozenset(
    {Status.SUCCEEDED, Status.FAILED, Status.CANCELLED, Status.TIMED_OUT, Status.STOPPED}
)


@frozen
class OperationUpdate:
    """One member of a checkpoint's `Updates`. Durations are whole seconds; None is absent."""

    id: str
    type: OperationType
    action: Action
    parent_id: str | None = None
    name: str | None = None
    sub_type: str | None = None
    payload: str | None = None
    error: ErrorObject | None = None
    replay_children: bool | None = None
    step_delay_seconds: int | None = None
    has_step_options: bool = False
    wait_seconds: int | None = None
    callback_timeout_seconds: int | None = None
    callback_heartbeat_seconds: int | None = None
    function_name: str | None = None
    tenant_id: str | None = None
    trace_id: str | None = None
