"""The events of a history, from the code that shows them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from docs.tools.markdown import code, members, table
from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    Event,
    EventDetail,
    EventType,
    ExecutionTimeout,
    InvocationSpan,
    PauseAsked,
    ResumeAsked,
    WaitTimes,
)
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.shapes import event_shape

_AT = Instant(1_000_000)
_ERROR = ErrorObject(message="no", type="Refused")


@dataclass(frozen=True, slots=True)
class Story:
    """When an event is written, and what it is told with: at most `full`, at least `bare`. The
    payload and an error of that which `fails` are always there."""

    when: str
    full: EventDetail | None = None
    bare: EventDetail | None = None
    fails: bool = False
    may_fail: bool = False

    def details(self, type_: EventType) -> tuple[dict[str, Any], dict[str, Any]]:
        """The details member at its fullest and at its barest."""
        error = _ERROR if self.fails or self.may_fail else None
        bare_error = _ERROR if self.fails else None
        full = Event(1, type_, _AT, payload="1", error=error, detail=self.full)
        bare = Event(1, type_, _AT, error=bare_error, detail=self.bare or self.full)
        member = f"{type_.value}Details"
        return (
            event_shape(full, include_data=True)[member],
            event_shape(bare, include_data=True)[member],
        )


_WAIT = WaitTimes(60, _AT)
_ATTEMPT, _RETRIED = Attempt(1), Attempt(1, 5)

_T = EventType
STORIES: Mapping[EventType, Story] = {
    _T.EXECUTION_STARTED: Story("Invoke was accepted. Always event 1", ExecutionTimeout(60)),
    _T.EXECUTION_SUCCEEDED: Story("the handler returned, or an EXECUTION update said SUCCEED"),
    _T.EXECUTION_FAILED: Story(
        "the handler failed, an EXECUTION update said FAIL, its output was no output, a quota was "
        "crossed, a budget of failures was spent, or its function is gone",
        fails=True,
    ),
    _T.EXECUTION_TIMED_OUT: Story("the execution timeout is over", fails=True),
    _T.EXECUTION_STOPPED: Story(
        "StopDurableExecution; the error is the one that was sent along, or empty", fails=True
    ),
    _T.EXECUTION_PAUSED: Story("the pause holds: nothing runs any more", PauseAsked(_AT, True)),
    _T.EXECUTION_RESUMED: Story("ResumeDurableExecution ended a pause that held", ResumeAsked(_AT)),
    _T.CONTEXT_STARTED: Story("update START"),
    _T.CONTEXT_SUCCEEDED: Story("update SUCCEED"),
    _T.CONTEXT_FAILED: Story("update FAIL", fails=True),
    _T.WAIT_STARTED: Story("update START", _WAIT),
    _T.WAIT_SUCCEEDED: Story("its time has come", _WAIT),
    _T.WAIT_CANCELLED: Story("update CANCEL", may_fail=True),
    _T.STEP_STARTED: Story("update START, of each attempt"),
    _T.STEP_SUCCEEDED: Story(
        "update SUCCEED, or RETRY without an error: a condition that does not hold yet",
        _RETRIED,
        _ATTEMPT,
    ),
    _T.STEP_FAILED: Story("update FAIL, or RETRY with an error", _RETRIED, _ATTEMPT, fails=True),
    _T.CHAINED_INVOKE_STARTED: Story(
        "update START. A target that cannot be invoked leaves a name only, a plain function no ARN",
        ChainedTarget("f:1", "tenant", "1", "arn"),
        ChainedTarget("f"),
    ),
    _T.CHAINED_INVOKE_SUCCEEDED: Story("the other execution succeeded"),
    _T.CHAINED_INVOKE_FAILED: Story(
        "it failed, answered too much, or could not be invoked", fails=True
    ),
    _T.CHAINED_INVOKE_TIMED_OUT: Story("it ran out of time", fails=True),
    _T.CHAINED_INVOKE_STOPPED: Story("it was stopped", fails=True),
    _T.CALLBACK_STARTED: Story(
        "update START", CallbackOpened("id", 60, 30), CallbackOpened("id", None, None)
    ),
    _T.CALLBACK_SUCCEEDED: Story("SendDurableExecutionCallbackSuccess"),
    _T.CALLBACK_FAILED: Story(
        "SendDurableExecutionCallbackFailure; the error is the one sent along, or empty", fails=True
    ),
    _T.CALLBACK_TIMED_OUT: Story("its timeout, or that of its heartbeat, is over", fails=True),
    _T.INVOCATION_COMPLETED: Story(
        "an invocation has ended: returned, suspended, failed or lost. The error is there unless "
        "the handler returned",
        InvocationSpan("request", _AT, _AT),
        may_fail=True,
    ),
}


def block() -> Iterator[str]:
    yield from table(("event", "when", "details"), rows())


def rows() -> Iterator[tuple[str, str, str]]:
    for type_ in EventType:
        story = STORIES[type_]
        yield code(type_.value), story.when, members(*story.details(type_))
