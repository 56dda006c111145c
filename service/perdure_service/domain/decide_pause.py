"""An operator holds an execution back, and lets it go on."""

from __future__ import annotations

from perdure_service.domain.decide_time import tick, time_out
from perdure_service.domain.decision import Decision, Draft, Moment, nothing
from perdure_service.domain.events import EventType, PauseAsked, ResumeAsked
from perdure_service.domain.execution import (
    Execution,
    ExecutionStatus,
    Held,
    Queued,
    Running,
)
from perdure_service.domain.frozen import frozen
from perdure_service.domain.lifecycle import Cause, require_allowed
from perdure_service.domain.pauses import Pausing
from perdure_service.domain.recent_requests import (
    RequestKind,
    is_repeat,
    remembered,
    request_of,
)


@frozen
class PauseRequest:
    """`client_token` makes a repeat within 15 minutes succeed without a second effect."""

    client_token: str | None = None
    reason: str | None = None
    execution_timeout_paused: bool = True


@frozen
class ResumeRequest:
    """`client_token` makes a repeat within 15 minutes succeed without a second effect."""

    client_token: str | None = None
    reason: str | None = None


def decide_pause(execution: Execution, asked: PauseRequest, moment: Moment) -> Decision[None]:
    """PAUSED at once, or PAUSING for as long as an invocation is in flight. Raises ResourceConflict
    unless the execution is RUNNING, InvalidParameterValue for a token of another request."""
    now = execution.effective_now(moment.clock)
    parameters = asked.reason, asked.execution_timeout_paused
    request = request_of(RequestKind.PAUSE, asked.client_token, now, *parameters)
    if request is not None and is_repeat(execution.ledger.requests, request):
        return nothing(execution, None)
    draft = Draft(execution, moment)
    tick(draft)
    require_allowed(draft.status, Cause.PAUSE)
    draft.note(pausing=Pausing(now, asked.execution_timeout_paused, asked.reason))
    if request is not None:
        draft.note(requests=remembered(execution.ledger.requests, request))
    pause_if_asked(draft)
    return draft.settle(None)


def decide_resume(execution: Execution, asked: ResumeRequest, moment: Moment) -> Decision[None]:
    """Take a pause back that does not hold yet, without an event; or end the one that holds, and
    queue the invocation that it held: one that it cut short, or that something has asked for since.
    Raises ResourceConflict unless the execution is PAUSING or PAUSED, InvalidParameterValue for a
    token of another request.

    A function whose token was withheld before the pause was taken back goes on to its end, and is
    then invoked again."""
    now = execution.effective_now(moment.clock)
    request = request_of(RequestKind.RESUME, asked.client_token, now, asked.reason)
    if request is not None and is_repeat(execution.ledger.requests, request):
        return nothing(execution, None)
    draft = Draft(execution, moment)
    tick(draft)
    require_allowed(draft.status, Cause.RESUME)
    if draft.status is ExecutionStatus.PAUSED:
        draft.emit(EventType.EXECUTION_RESUMED, payload=asked.reason, detail=ResumeAsked(now))
    draft.note(pausing=None)
    if isinstance(draft.invocation, Held):
        draft.note(invocation=Queued(max(draft.now, draft.invocation.ready_at)))
    if request is not None:
        draft.note(requests=remembered(execution.ledger.requests, request))
    return draft.settle(None)


def pause_if_asked(draft: Draft) -> None:
    """Begin the pause that was asked for, unless an invocation is in flight: then its end will. A
    queued invocation is held. An execution that is out of time by now is not saved from its end."""
    asked = draft.pausing
    if asked is None or draft.is_closed or isinstance(draft.invocation, Running):
        return
    if draft.now >= draft.before.times_out_at:
        time_out(draft)
        return
    detail = PauseAsked(asked.requested_at, asked.execution_timeout_paused)
    draft.emit(EventType.EXECUTION_PAUSED, payload=asked.reason, detail=detail)
    draft.note(pausing=None)
    if isinstance(draft.invocation, Queued):
        draft.note(invocation=Held(draft.invocation.ready_at))
