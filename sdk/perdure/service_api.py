"""What an invocation needs of a durable execution service, in the words of the wire.

`DurableService` is implemented over a worker's connection, by signed requests to Lambda's API and,
for tests, in memory. The dictionaries are spelled as Lambda spells them in JSON, so that no
implementation has to translate: they are parsed by the replay core and by nobody else.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Literal, Protocol, TypedDict

OperationType = Literal["EXECUTION", "CONTEXT", "STEP", "WAIT", "CALLBACK", "CHAINED_INVOKE"]
Action = Literal["START", "SUCCEED", "FAIL", "RETRY", "CANCEL"]
Status = Literal[
    "STARTED", "PENDING", "READY", "SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"
]
Timestamp = float
"""Epoch seconds in answers of the API, whole epoch milliseconds in an invocation's event."""


class ErrorObject(TypedDict, total=False):
    ErrorMessage: str
    ErrorType: str
    ErrorData: str
    StackTrace: list[str]


class ContextOptions(TypedDict, total=False):
    ReplayChildren: bool


class StepOptions(TypedDict, total=False):
    NextAttemptDelaySeconds: int


class WaitOptions(TypedDict, total=False):
    WaitSeconds: int


class CallbackOptions(TypedDict, total=False):
    TimeoutSeconds: int
    HeartbeatTimeoutSeconds: int


class ChainedInvokeOptions(TypedDict, total=False):
    FunctionName: str
    TenantId: str


class _UpdateKeys(TypedDict):
    Id: str
    Type: OperationType
    Action: Action


class OperationUpdate(_UpdateKeys, total=False):
    """One entry of a checkpoint's `Updates`."""

    ParentId: str
    Name: str
    SubType: str
    Payload: str
    Error: ErrorObject
    ContextOptions: ContextOptions
    StepOptions: StepOptions
    WaitOptions: WaitOptions
    CallbackOptions: CallbackOptions
    ChainedInvokeOptions: ChainedInvokeOptions


class ExecutionDetails(TypedDict, total=False):
    InputPayload: str


class ContextDetails(TypedDict, total=False):
    ReplayChildren: bool
    Result: str
    Error: ErrorObject


class StepDetails(TypedDict, total=False):
    Attempt: int
    NextAttemptTimestamp: Timestamp
    Result: str
    Error: ErrorObject


class WaitDetails(TypedDict, total=False):
    ScheduledEndTimestamp: Timestamp


class CallbackDetails(TypedDict, total=False):
    CallbackId: str
    Result: str
    Error: ErrorObject


class ChainedInvokeDetails(TypedDict, total=False):
    Result: str
    Error: ErrorObject


class _OperationKeys(TypedDict):
    Id: str
    Type: OperationType
    Status: Status


class Operation(_OperationKeys, total=False):
    """An operation as the service knows it."""

    ParentId: str
    Name: str
    SubType: str
    StartTimestamp: Timestamp
    EndTimestamp: Timestamp
    ExecutionDetails: ExecutionDetails
    ContextDetails: ContextDetails
    StepDetails: StepDetails
    WaitDetails: WaitDetails
    CallbackDetails: CallbackDetails
    ChainedInvokeDetails: ChainedInvokeDetails


class ExecutionState(TypedDict, total=False):
    Operations: list[Operation]
    NextMarker: str


class CheckpointAnswer(TypedDict, total=False):
    """No CheckpointToken: the updates hold, and this invocation must end with PENDING now."""

    CheckpointToken: str | None
    NewExecutionState: ExecutionState


class StatePage(TypedDict, total=False):
    Operations: list[Operation]
    NextMarker: str


class InvocationEvent(TypedDict, total=False):
    """What Lambda hands to the handler of a durable function."""

    DurableExecutionArn: str
    CheckpointToken: str
    InitialExecutionState: ExecutionState
    UpdatedOperationIds: list[str]


class _OutputKeys(TypedDict):
    Status: Literal["SUCCEEDED", "FAILED", "PENDING"]


class InvocationOutput(_OutputKeys, total=False):
    """What a durable function answers to an invocation."""

    Result: str
    Error: ErrorObject


class ServiceCallFailed(Exception):
    """The service could not be reached or refused; nothing that it answered was lost.

    `status` is the HTTP status, None where no answer came. `code` is Lambda's name of the error
    (`InvalidParameterValueException`), "" where there is none.
    """

    def __init__(self, message: str, *, status: int | None = None, code: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.code = code

    @property
    def stale_token(self) -> bool:
        """Another invocation of this execution goes on, or the execution has ended."""
        return self.code == "InvalidParameterValueException" and self.message.startswith(
            "Invalid checkpoint token"
        )

    @property
    def concerns_key(self) -> bool:
        """A key of the customer's cannot be used: no repetition helps, though the status is 502."""
        return self.code.startswith("KMS")

    @property
    def retryable(self) -> bool:
        """The invocation may be tried again; otherwise the execution has to fail."""
        return (
            self.status is None or self.status == 429 or self.status >= 500 or self.stale_token
        ) and not self.concerns_key


class DurableService(Protocol):
    """What one invocation needs of the service.

    An implementation repeats a call whose answer was lost (the same `client_token` and `token`
    make that safe) for as long as it sees fit, and raises ServiceCallFailed when it gives up.
    It is called by one task at a time.
    """

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        """Apply all of `updates` or none, and answer with a new token and what changed since."""
        ...

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        """The page of operations at `marker`; its NextMarker is empty or absent on the last."""
        ...


class PromptService(ABC):
    """A DurableService that can also try a checkpoint at once, without a task of the event loop.

    Such a try is made once. Where it brings no answer, `checkpoint` is to be called with the same
    arguments: it repeats the call, and says why it fails.
    """

    __slots__ = ()

    @abstractmethod
    def try_checkpoint(
        self,
        arn: str,
        token: str,
        updates: Sequence[OperationUpdate],
        client_token: str,
        heard: Callable[[CheckpointAnswer | None], object],
    ) -> bool:
        """Begin; `heard` is called later, once. False if nothing was begun. For the event loop."""

    @abstractmethod
    def try_checkpoint_here(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer | None:
        """Block until there is an answer. For any other thread."""


class LambdaContext(Protocol):
    """The part of Lambda's context object that is used here; handlers see the whole object."""

    @property
    def aws_request_id(self) -> str: ...

    def get_remaining_time_in_millis(self) -> int: ...
