"""One durable execution: what its log says, and the few facts that the log leaves out.

`Execution` is immutable. `Folding` applies events to it; `fold` is evolve over many events.
The log gives outcome, pause, operations and timers. `Ledger` holds the rest: the fence, the
invocation in flight, what that invocation has seen, what operators asked for. Fold plus ledger plus
heartbeat timers is the whole state.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from enum import StrEnum

from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import (
    ExecutionArn,
    ExecutionId,
    FunctionVersionId,
    InvocationId,
    WorkerId,
    function_arn,
    part_of,
)
from perdure_service.domain.instant import NEVER, Instant, after
from perdure_service.domain.limits import MAX_EXECUTION_SECONDS, PLAIN_RETENTION_SECONDS
from perdure_service.domain.operations import ErrorObject, Operation, OperationType, Status
from perdure_service.domain.pauses import Pause, Pausing
from perdure_service.domain.persistent import PersistentMap
from perdure_service.domain.recent_requests import RecentRequest


class ExecutionStatus(StrEnum):
    """What callers are shown. Four of them are outcomes; the arrows are in `lifecycle`."""

    RUNNING = "RUNNING"
    PAUSING = "PAUSING"
    PAUSED = "PAUSED"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"
    DELETING = "DELETING"


OUTCOMES = (
    ExecutionStatus.SUCCEEDED,
    ExecutionStatus.FAILED,
    ExecutionStatus.TIMED_OUT,
    ExecutionStatus.STOPPED,
)
"""How an execution can end."""


class InvokeMode(StrEnum):
    """How an execution was started; it decides sizes, and retries of plain functions."""

    REQUEST_RESPONSE = "RequestResponse"
    EVENT = "Event"
    CHAINED = "Chained"


class TimerKind(StrEnum):
    EXECUTION = "execution timeout"
    WAIT = "wait end"
    RETRY = "step retry"
    CALLBACK = "callback timeout"
    HEARTBEAT = "callback heartbeat"


TimerKey = tuple[TimerKind, str]


@frozen
class ParentLink:
    """The CHAINED_INVOKE operation that waits for this execution."""

    execution_id: ExecutionId
    operation_id: str


@frozen
class Identity:
    """What is fixed when an execution starts.

    `durable` is False for the invocation of a plain function: an execution without operations,
    hidden from the durable APIs. Durations are whole seconds. `dead_letter_target` is where the
    event goes if this asynchronous execution does not succeed.
    """

    id: ExecutionId
    account: str
    region: str
    function_name: str
    version: str
    qualifier: str
    function_version_id: FunctionVersionId
    name: str
    started_at: Instant
    timeout_seconds: int
    retention_days: int
    durable: bool = True
    mode: InvokeMode = InvokeMode.REQUEST_RESPONSE
    parent: ParentLink | None = None
    trace_id: str | None = None
    tenant_id: str | None = None
    client_context: str | None = None
    dead_letter_target: str | None = None

    @property
    def part(self) -> int:
        return part_of(self.id)

    @property
    def retention_seconds(self) -> int:
        """How long it is kept after its end. Nobody can read a plain invocation; a repeated call
        may attach to it for as long as an SDK repeats."""
        return self.retention_days * 86_400 if self.durable else PLAIN_RETENTION_SECONDS

    @property
    def arn(self) -> str:
        return str(
            ExecutionArn(
                self.account, self.region, self.function_name, self.version, self.name, self.id
            )
        )

    @property
    def function_arn(self) -> str:
        """With the qualifier that the caller used, as GetDurableExecution answers it."""
        return function_arn(self.account, self.region, self.function_name, self.qualifier)


@frozen
class Queued:
    """An invocation that waits for a worker, from `ready_at` on."""

    ready_at: Instant


@frozen
class Running:
    """The one invocation in flight. `claimed_event_id` is the last event that its initial state
    held; what completes later is owed to the function until it proves that it saw it."""

    id: InvocationId
    worker_id: WorkerId
    started_at: Instant
    claimed_event_id: int


@frozen
class Held:
    """An invocation that a pause keeps from being queued; resumed, it is ready at `ready_at`, or at
    once if that has passed."""

    ready_at: Instant


InvocationState = Queued | Running | Held


class FailureKind(StrEnum):
    ERROR = "error"
    CRASH = "crash"
    TIMEOUT = "timeout"
    INIT = "init"
    IDLE_PENDING = "pending with nothing pending"


@frozen
class Failures:
    """Invocations failed in a row: `count` of any kind, `streak` of the last kind."""

    count: int
    kind: FailureKind
    streak: int
    error: ErrorObject


@frozen
class Sight:
    """How much of the state the function has been shown: events up to `event_id`, and retries
    that were READY at `now`."""

    event_id: int = 0
    now: Instant = Instant(0)


@frozen
class Ledger:
    """The facts beside the log, kept in the execution row.

    `version` moves with every write and is the fence, `nonce` is drawn anew by each write.
    `token_seq` and `token_nonce` name the one valid checkpoint token of `invocation_id`.
    `client_token` is that of the last accepted checkpoint, whose answer showed what lies between
    `previously_seen` and `seen`: enough to give it again, identical. `token_withheld` says that it
    carried no token, so that nobody holds the valid one. Timers due up to `ticked_at` have been
    dealt with. `suspended` is what the function had been shown when an invocation of it last ended
    well: what the service did since is told to the next one, and if that one is lost, again.
    `invocation_retries` are metered, but no quota counts them. `pausing` is a pause that waits for
    the end of the invocation in flight, `requests` are the newest that a caller may repeat.
    """

    version: int = 0
    nonce: int = 0
    ticked_at: Instant = Instant(0)
    invocation: InvocationState | None = None
    invocation_id: InvocationId | None = None
    token_seq: int = 0
    token_nonce: int = 0
    seen: Sight = Sight()
    previously_seen: Sight = Sight()
    client_token: str | None = None
    failures: Failures | None = None
    suspended: Sight = Sight()
    invocation_retries: int = 0
    token_withheld: bool = False
    pausing: Pausing | None = None
    requests: tuple[RecentRequest, ...] = ()
    deletion_requested_at: Instant | None = None


@frozen
class Execution:
    """The state of one execution after `last_event_id` events.

    `outcome` is how it ended, None while it is open. `pause` is the one that holds now,
    `extension_microseconds` what earlier ones have added to its time. `armed` are the timers that
    have not fired, `next_due_at` is when the first of them is due; `recent` the operations changed
    since `ledger.seen`, which the next answer must show. Closed, it has none of these.
    """

    identity: Identity
    ledger: Ledger = field(default_factory=Ledger)
    outcome: ExecutionStatus | None = None
    input: str | None = None
    result: str | None = None
    error: ErrorObject | None = None
    ended_at: Instant | None = None
    last_event_id: int = 0
    last_event_at: Instant = Instant(0)
    operations: PersistentMap[str, Operation] = field(default_factory=PersistentMap)
    armed: PersistentMap[TimerKey, Instant] = field(default_factory=PersistentMap)
    next_due_at: Instant = NEVER
    recent: PersistentMap[str, None] = field(default_factory=PersistentMap)
    operation_count: int = 0
    stored_bytes: int = 0
    pause: Pause | None = None
    extension_microseconds: int = 0

    @property
    def id(self) -> ExecutionId:
        return self.identity.id

    @property
    def is_closed(self) -> bool:
        return self.outcome is not None

    @property
    def status(self) -> ExecutionStatus:
        ledger = self.ledger
        return shown_status(
            self.outcome,
            pauses=ledger.pausing is not None,
            is_paused=self.pause is not None,
            is_given_up=ledger.deletion_requested_at is not None,
        )

    @property
    def times_out_at(self) -> Instant:
        """When it is out of time, or would have been had it not ended."""
        return execution_deadline(self.identity, self.pause, self.extension_microseconds)

    @property
    def purge_at(self) -> Instant | None:
        """From when on it may be deleted with all that belongs to it; None while it is open."""
        if self.ended_at is None or self.ledger.deletion_requested_at is not None:
            return self.ledger.deletion_requested_at
        return after(self.ended_at, self.identity.retention_seconds)

    @property
    def metered_operations(self) -> int:
        """What Lambda would bill: the operations, and each invocation made again."""
        return self.operation_count + self.ledger.invocation_retries

    @property
    def weight_bytes(self) -> int:
        """About what this value holds in memory: the unit of the state cache."""
        return 2_000 + self.stored_bytes + 1_000 * len(self.operations)

    def effective_now(self, clock: Instant) -> Instant:
        """`clock`, but never before what has already happened or been shown."""
        ledger = self.ledger
        return max(clock, self.last_event_at, ledger.seen.now, ledger.ticked_at)

    def execution_operation(self) -> Operation:
        """The synthetic EXECUTION operation; its id is the last segment of the ARN."""
        return Operation(
            id=self.id,
            type=OperationType.EXECUTION,
            status=Status.STARTED if self.outcome is None else Status(self.outcome.value),
            sequence=1,
            last_event_id=1,
            started_at=self.identity.started_at,
            ended_at=self.ended_at,
            name=self.identity.name,
            result=self.result,
            error=self.error,
        )

    def has_closed_ancestor(self, operation: Operation) -> bool:
        """True if a CONTEXT above `operation` has closed: nobody waits for it any more."""
        parent_id = operation.parent_id
        while parent_id is not None:
            parent = self.operations.get(parent_id)
            if parent is None:
                return False
            if parent.is_closed:
                return True
            parent_id = parent.parent_id
        return False


def timers_of(operation: Operation) -> Sequence[tuple[TimerKey, Instant]]:
    """The timers that an operation's state asks for. A heartbeat moves its own without an event."""
    id_ = operation.id
    match operation.status, operation.type:
        case Status.PENDING, OperationType.STEP if operation.next_attempt_at is not None:
            return [((TimerKind.RETRY, id_), operation.next_attempt_at)]
        case Status.STARTED, OperationType.WAIT if operation.due_at is not None:
            return [((TimerKind.WAIT, id_), operation.due_at)]
        case Status.STARTED, OperationType.CALLBACK:
            timers = []
            if operation.due_at is not None:
                timers.append(((TimerKind.CALLBACK, id_), operation.due_at))
            if operation.heartbeat_seconds is not None:
                first_due_at = after(operation.started_at, operation.heartbeat_seconds)
                timers.append(((TimerKind.HEARTBEAT, id_), first_due_at))
            return timers
        case _:
            return ()


def shown_status(
    outcome: ExecutionStatus | None, *, pauses: bool, is_paused: bool, is_given_up: bool
) -> ExecutionStatus:
    if outcome is not None:
        return ExecutionStatus.DELETING if is_given_up else outcome
    if is_paused:
        return ExecutionStatus.PAUSED
    return ExecutionStatus.PAUSING if pauses else ExecutionStatus.RUNNING


def execution_deadline(
    identity: Identity, pause: Pause | None = None, extension_microseconds: int = 0
) -> Instant:
    """When the execution is out of time: after its timeout and the time for which that was paused,
    but 366 days after its start at the latest. That is also the deadline while it is paused."""
    latest = after(identity.started_at, MAX_EXECUTION_SECONDS)
    if pause is not None and pause.asked.execution_timeout_paused:
        return latest
    own = after(identity.started_at, identity.timeout_seconds)
    return min(Instant(own + extension_microseconds), latest)
