"""The log: what happened to one execution, in order, with gapless ids.

An `Event` is what GetDurableExecutionHistory returns, plus the few facts that Lambda's history
leaves out and a fold needs (`ContextClosed.replay_children`).
"""

from __future__ import annotations

from enum import StrEnum

from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject


class EventType(StrEnum):
    """Lambda's 26 event types."""

    EXECUTION_STARTED = "ExecutionStarted"
    EXECUTION_SUCCEEDED = "ExecutionSucceeded"
    EXECUTION_FAILED = "ExecutionFailed"
    EXECUTION_TIMED_OUT = "ExecutionTimedOut"
    EXECUTION_STOPPED = "ExecutionStopped"
    EXECUTION_PAUSED = "ExecutionPaused"
    EXECUTION_RESUMED = "ExecutionResumed"
    CONTEXT_STARTED = "ContextStarted"
    CONTEXT_SUCCEEDED = "ContextSucceeded"
    CONTEXT_FAILED = "ContextFailed"
    WAIT_STARTED = "WaitStarted"
    WAIT_SUCCEEDED = "WaitSucceeded"
    WAIT_CANCELLED = "WaitCancelled"
    STEP_STARTED = "StepStarted"
    STEP_SUCCEEDED = "StepSucceeded"
    STEP_FAILED = "StepFailed"
    CHAINED_INVOKE_STARTED = "ChainedInvokeStarted"
    CHAINED_INVOKE_SUCCEEDED = "ChainedInvokeSucceeded"
    CHAINED_INVOKE_FAILED = "ChainedInvokeFailed"
    CHAINED_INVOKE_TIMED_OUT = "ChainedInvokeTimedOut"
    CHAINED_INVOKE_STOPPED = "ChainedInvokeStopped"
    CALLBACK_STARTED = "CallbackStarted"
    CALLBACK_SUCCEEDED = "CallbackSucceeded"
    CALLBACK_FAILED = "CallbackFailed"
    CALLBACK_TIMED_OUT = "CallbackTimedOut"
    INVOCATION_COMPLETED = "InvocationCompleted"


@frozen
class ExecutionTimeout:
    """Of ExecutionStarted."""

    timeout_seconds: int


@frozen
class PauseAsked:
    """Of ExecutionPaused, whose payload is the reason."""

    requested_at: Instant
    execution_timeout_paused: bool


@frozen
class ResumeAsked:
    """Of ExecutionResumed, whose payload is the reason."""

    requested_at: Instant


@frozen
class ContextClosed:
    """Of ContextSucceeded; hidden from history."""

    replay_children: bool


@frozen
class WaitTimes:
    """Of WaitStarted and WaitSucceeded."""

    duration_seconds: int
    scheduled_end_at: Instant


@frozen
class Attempt:
    """Of StepSucceeded and StepFailed. `next_delay_seconds` stands on attempts that are retried."""

    number: int
    next_delay_seconds: int | None = None


@frozen
class CallbackOpened:
    """Of CallbackStarted."""

    callback_id: str
    timeout_seconds: int | None
    heartbeat_seconds: int | None


@frozen
class ChainedTarget:
    """Of ChainedInvokeStarted. A target that was refused has but a name; a plain function has a
    version and no ARN."""

    function_name: str
    tenant_id: str | None = None
    executed_version: str | None = None
    execution_arn: str | None = None


@frozen
class InvocationSpan:
    """Of InvocationCompleted."""

    request_id: str
    started_at: Instant
    ended_at: Instant


EventDetail = (
    ExecutionTimeout
    | PauseAsked
    | ResumeAsked
    | ContextClosed
    | WaitTimes
    | Attempt
    | CallbackOpened
    | ChainedTarget
    | InvocationSpan
)


@frozen
class Event:
    """One entry of the log. `payload` is an input, a result or a reason, byte for byte."""

    id: int
    type: EventType
    at: Instant
    operation_id: str | None = None
    parent_id: str | None = None
    name: str | None = None
    sub_type: str | None = None
    payload: str | None = None
    error: ErrorObject | None = None
    detail: EventDetail | None = None
