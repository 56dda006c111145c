"""What can go wrong in a durable function, as an `except` sees it.

    DurableExecutionsError
    ├── UnrecoverableError                  ends the invocation
    │   ├── ExecutionError                  the execution fails, for good
    │   │   ├── NonDeterministicExecutionError   the replay met another operation than the recorded
    │   │   ├── OperationInStepError             a durable operation inside a step
    │   │   └── ConcurrentOperationsError        operations that race for their place in the order
    │   └── InvocationError                 the invocation is tried again
    │       ├── CheckpointError, GetExecutionStateError     the service refused or is away
    │       ├── StepInterruptedError        an at-most-once step whose process died
    │       └── RetryableSerDesError        a serdes' passing trouble
    ├── ValidationError                     wrong arguments
    ├── InvalidStateError
    ├── PluginLoadError
    ├── SerDesError                         a value that cannot be kept
    │   └── PayloadTooLargeError
    └── DurableOperationError               an operation failed
        ├── StepError
        │   └── OperationCancelledError     it was cancelled, by a timeout most likely
        ├── InvokeError
        ├── ChildContextError
        ├── WaitForConditionError
        ├── BatchCompletionError            (perdure.concurrency.models)
        └── CallbackError
            ├── CallbackExternalError, CallbackTimeoutError, CallbackSubmitterError

    BaseException: SuspendExecution, OrphanedChildException; never catch these.

In histories the classes stand under the names that AWS's SDK for Python gives them, so that an
execution begun under one SDK goes on under the other: see `wire_name`.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from perdure.service_api import ServiceCallFailed

_WIRE_PACKAGE = "aws_durable_execution_sdk_python"


def wire_name(error: type[BaseException]) -> str:
    """The ErrorType of this class in a history: its qualified name, without `builtins`."""
    module = error.__module__
    if module == "builtins":
        return error.__qualname__
    if module.startswith("perdure."):
        module = _WIRE_PACKAGE + module[len("perdure") :]
    return f"{module}.{error.__qualname__}"


class TerminationReason(Enum):
    """Why an execution or an invocation came to an early end."""

    UNHANDLED_ERROR = "UNHANDLED_ERROR"
    INVOCATION_ERROR = "INVOCATION_ERROR"
    EXECUTION_ERROR = "EXECUTION_ERROR"
    CHECKPOINT_FAILED = "CHECKPOINT_FAILED"
    NON_DETERMINISTIC_EXECUTION = "NON_DETERMINISTIC_EXECUTION"
    STEP_INTERRUPTED = "STEP_INTERRUPTED"
    SERIALIZATION_ERROR = "SERIALIZATION_ERROR"


class DurableExecutionsError(Exception):
    """The root of all errors but those that no code should catch."""


class DurableExecutionWarning(UserWarning):
    """Something in a handler that works today and will not survive a replay, or costs money."""


class PluginLoadError(DurableExecutionsError):
    """A plugin was asked for, and there are none here."""


class UnrecoverableError(DurableExecutionsError):
    """Ends the invocation: no retry strategy sees it."""

    def __init__(self, message: str, termination_reason: TerminationReason) -> None:
        super().__init__(message)
        self.termination_reason = termination_reason


class ExecutionError(UnrecoverableError):
    """Fails the execution at once, whatever the retry strategies say. Raise it from a step, too."""

    def __init__(
        self,
        message: str,
        termination_reason: TerminationReason = TerminationReason.EXECUTION_ERROR,
    ) -> None:
        super().__init__(message, termination_reason)


class InvocationError(UnrecoverableError):
    """Ends the invocation with an error, so that the service makes another one."""

    def __init__(
        self,
        message: str,
        termination_reason: TerminationReason = TerminationReason.INVOCATION_ERROR,
    ) -> None:
        super().__init__(message, termination_reason)

    def is_retryable(self) -> bool:
        """False if another invocation would meet the same: the execution fails then."""
        return True


def ends_invocation(error: BaseException) -> bool:
    """Whether an error leaves every operation around it, recorded in none: the invocation ends,
    to be made again or to fail the execution."""
    if isinstance(error, InvocationError):
        return error.is_retryable()
    return isinstance(error, ExecutionError) or not isinstance(error, Exception)


class _ServiceError(InvocationError):
    """A call of the service that failed. `failure` has its status and code."""

    def __init__(
        self, failure: ServiceCallFailed, reason: TerminationReason, text: str | None = None
    ) -> None:
        super().__init__(failure.message if text is None else text, reason)
        self.failure = failure

    def is_retryable(self) -> bool:
        return self.failure.retryable


class CheckpointError(_ServiceError):
    """A checkpoint was refused, or the service stayed away; nothing of it was kept. `failure` has
    the status and the code."""

    def __init__(self, failure: ServiceCallFailed, text: str | None = None) -> None:
        super().__init__(failure, TerminationReason.CHECKPOINT_FAILED, text)


class GetExecutionStateError(_ServiceError):
    """The state of the execution could not be read."""

    def __init__(self, failure: ServiceCallFailed) -> None:
        super().__init__(failure, TerminationReason.INVOCATION_ERROR)


class NonDeterministicExecutionError(ExecutionError):
    """The replay met another operation than the one that was recorded in its place."""

    def __init__(self, message: str, step_id: str | None = None) -> None:
        super().__init__(message, TerminationReason.NON_DETERMINISTIC_EXECUTION)
        self.step_id = step_id


class OperationInStepError(ExecutionError):
    """A durable operation was begun inside a step."""


class ConcurrentOperationsError(ExecutionError):
    """Operations of one context race: their order, and so their ids, may differ on replay."""


class ValidationError(DurableExecutionsError):
    """Arguments that a durable operation cannot take; nothing was recorded."""


class InvalidStateError(DurableExecutionsError):
    """An operation is not in the state that it has to be in."""


class _RecordedError(DurableExecutionsError):
    """An error with the fields that a history keeps of one."""

    def __init__(
        self,
        message: str | None = None,
        error_type: str | None = None,
        data: str | None = None,
        stack_trace: list[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.error_type = error_type or wire_name(type(self))
        self.data = data
        self.stack_trace = stack_trace


class DurableOperationError(_RecordedError):
    """An operation failed. First run and replay raise the same: it is built from what was recorded.

    `error_type` is the name of the class that escaped from the operation, `data` and `stack_trace`
    what it carried. `__cause__` stands for that error; it is never the original object.
    """

    @classmethod
    def from_error_fields(
        cls,
        error_type: str | None,
        message: str | None,
        data: str | None,
        stack_trace: list[str] | None,
    ) -> DurableOperationError:
        """The class that is recorded as `error_type`; this one if it is none of ours."""
        recorded = _RECORDED.get(error_type or "", DurableOperationError)
        return recorded(message=message, error_type=error_type, data=data, stack_trace=stack_trace)


class StepError(DurableOperationError):
    """A step failed, and its retry strategy gave up."""


class OperationCancelledError(StepError, TimeoutError):
    """The operation was cancelled before it was done, as by `asyncio.timeout`.

    Where the cancellation happened, asyncio raises what it always raises (TimeoutError from a
    timeout). A replay raises this in its place, so `except TimeoutError` catches both.
    """


class InvokeError(DurableOperationError):
    """The invoked function failed, timed out, was stopped or could not be started."""


class ChildContextError(DurableOperationError):
    """A child context failed: its function raised."""


class WaitForConditionError(DurableOperationError):
    """The check of a condition raised, or its attempts are used up."""


class CallbackError(DurableOperationError):
    """A callback did not succeed."""


class CallbackExternalError(CallbackError):
    """Whoever was called reported a failure."""


class CallbackTimeoutError(CallbackError):
    """Nobody answered, or gave a heartbeat, in time."""


class CallbackSubmitterError(CallbackError):
    """The submitter of a wait_for_callback failed, and its retries are used up."""


class SerDesError(_RecordedError):
    """A value could not be written down or read back. Final; see RetryableSerDesError."""


class PayloadTooLargeError(SerDesError):
    """A value is larger than the service keeps: 1 MiB for an operation, 6 MiB for a result."""


class StepInterruptedError(InvocationError):
    """The process died in an at-most-once step; its retry strategy is told this."""

    def __init__(self, message: str, step_id: str | None = None) -> None:
        super().__init__(message, TerminationReason.STEP_INTERRUPTED)
        self.step_id = step_id


class RetryableSerDesError(InvocationError):
    """Raise this from a serdes whose storage is away for now: the invocation is tried again."""

    def __init__(
        self,
        message: str,
        termination_reason: TerminationReason = TerminationReason.SERIALIZATION_ERROR,
    ) -> None:
        super().__init__(message, termination_reason)


class SuspendExecution(BaseException):
    """Unwinds a handler that has to wait; the execution goes on in a later invocation. Never catch
    it: it is a BaseException."""


class OrphanedChildException(BaseException):
    """Unwinds a branch whose map or parallel is complete without it. Never catch it either."""


_RECORDED: dict[str, type[DurableOperationError]] = {}


def register_operation_error(error_cls: type[DurableOperationError]) -> None:
    """Let a replay raise this class where it was recorded."""
    _RECORDED[wire_name(error_cls)] = error_cls


for _error in (
    StepError,
    OperationCancelledError,
    InvokeError,
    ChildContextError,
    WaitForConditionError,
    CallbackError,
    CallbackExternalError,
    CallbackTimeoutError,
    CallbackSubmitterError,
):
    register_operation_error(_error)
