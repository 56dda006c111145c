"""What a call does, as generators: they yield what is to be sent or slept, and are told how it
went. `Client` runs them with threads, `AsyncClient` on a loop; neither knows more than that.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator
from dataclasses import dataclass
from random import SystemRandom
from typing import Final, TypeAlias, TypeVar

from perdure.client.errors import (
    MalformedAnswer,
    NotReady,
    ServiceFailed,
    ServiceUnreachable,
    StillOpen,
    Throttled,
)
from perdure.client.operation import Answer, Operation, Page, Repeat, Request
from perdure.client.refusals import refusal
from perdure.client.requests import executions, functions
from perdure.client.results.executions import Execution
from perdure.client.results.functions import Function
from perdure.client.results.history import HistoryEvent

T = TypeVar("T")

FIRST_LOOK_SECONDS: Final = 0.05
LONGEST_LOOK_SECONDS: Final = 5.0
_LOOKS_GROW_BY: Final = 1.5
_FIRST_PAUSE_SECONDS: Final = 0.1
_LONGEST_PAUSE_SECONDS: Final = 20.0
_THROTTLED: Final = 429
_PATIENCE_SECONDS: Final = 60.0
_PATIENT_PAUSE_SECONDS: Final = 1.0
_random = SystemRandom()


@dataclass(frozen=True, slots=True)
class Sleep:
    seconds: float


@dataclass(frozen=True, slots=True)
class Lost:
    """No answer. `was_sent` False: the service never saw the request."""

    reason: str
    was_sent: bool


Program: TypeAlias = Generator[Request | Sleep, Answer | Lost | None, T]
"""Who runs it answers a Request with an Answer or Lost, and a Sleep with None."""


@dataclass(frozen=True, slots=True)
class Persistence:
    """How often a request is sent, at most. `knows_invocation_ids`: it is Perdure."""

    tries: int
    knows_invocation_ids: bool
    draw: Callable[[], float] = _random.random

    def may_repeat(self, request: Request, tried: int, outcome: Answer | Lost) -> bool:
        if tried >= self.tries:
            return False
        if _did_nothing(outcome):
            return isinstance(outcome, Lost) or outcome.status == _THROTTLED
        return request.repeat is Repeat.ALWAYS or (
            request.repeat is Repeat.BY_INVOCATION_ID and self.knows_invocation_ids
        )

    def pause(self, tried: int, outcome: Answer | Lost) -> float:
        """Seconds: as the service asks for, else from 0.1 s doubling to 20 s, half of it drawn."""
        longest = min(_FIRST_PAUSE_SECONDS * 2.0 ** (tried - 1), _LONGEST_PAUSE_SECONDS)
        seconds = longest * (0.5 + self.draw() / 2)
        asked = outcome.headers.get("retry-after", "") if isinstance(outcome, Answer) else ""
        if asked.isdigit():
            seconds = max(seconds, min(float(asked), _LONGEST_PAUSE_SECONDS))
        return seconds


def _did_nothing(outcome: Answer | Lost) -> bool:
    """A lost answer and a failing service leave open what became of the request."""
    return not outcome.was_sent if isinstance(outcome, Lost) else outcome.status < 500


def call(operation: Operation[T], persistence: Persistence) -> Program[T]:
    """Send it, again if that is safe and may help, and read the answer."""
    request = operation.request
    tried, doubtful = 0, False
    while True:
        outcome = yield request
        assert outcome is not None
        tried += 1
        if isinstance(outcome, Answer) and outcome.status < 300:
            return _read(operation, outcome)
        if not persistence.may_repeat(request, tried, outcome):
            break
        doubtful |= not _did_nothing(outcome)
        yield Sleep(persistence.pause(tried, outcome))
    if isinstance(outcome, Lost):
        raise ServiceUnreachable(
            f"{outcome.reason} (tries: {tried}). Is it running, and is that its address?"
        )
    error = refusal(outcome)
    if doubtful and _did_nothing(outcome):
        error.add_note("An earlier try got no answer that tells; it may be what did it.")
    raise error


def _read(operation: Operation[T], answer: Answer) -> T:
    try:
        return operation.parse(answer)
    except (KeyError, TypeError, ValueError) as error:
        raise MalformedAnswer(
            f"{operation.request.method} {operation.request.path} was answered by something that "
            f"does not speak Lambda's API ({error!r}): is that the address of the service?"
        ) from error


def wait(
    arn: str,
    persistence: Persistence,
    *,
    timeout_seconds: float | None,
    clock: Callable[[], float],
) -> Program[Execution]:
    """The execution once it has ended. Looks soon at first, then every five seconds, and bears
    with a service that is away for up to a minute. Raises StillOpen after `timeout_seconds`."""
    look = executions.get(arn, include_data=False)
    ends = math.inf if timeout_seconds is None else clock() + timeout_seconds
    found = yield from call(look, persistence)
    pause = FIRST_LOOK_SECONDS
    while found.status.is_open:
        left = ends - clock()
        if left <= 0:
            raise StillOpen(arn, timeout_seconds or 0.0)
        yield Sleep(min(pause, left))
        pause = min(pause * _LOOKS_GROW_BY, LONGEST_LOOK_SECONDS)
        found = yield from _patiently(look, persistence, clock)
    return (yield from _patiently(executions.get(arn), persistence, clock))


@dataclass(frozen=True, slots=True)
class NewEvents:
    """`ended`: there will be no more."""

    events: tuple[HistoryEvent, ...]
    ended: bool


def next_events(
    arn: str,
    last_seen: int,
    persistence: Persistence,
    *,
    include_data: bool,
    longest_look_seconds: float,
    clock: Callable[[], float],
) -> Program[NewEvents]:
    """What came after the event with that id, once there is any or the execution has ended. Looks
    as `wait` does."""
    look = executions.get(arn, include_data=False)
    found = yield from _patiently(look, persistence, clock)
    pause = FIRST_LOOK_SECONDS
    while True:
        events = yield from events_after(arn, last_seen, persistence, include_data=include_data)
        if events or not found.status.is_open:
            return NewEvents(events, not found.status.is_open)
        yield Sleep(pause)
        pause = min(pause * _LOOKS_GROW_BY, longest_look_seconds)
        found = yield from _patiently(look, persistence, clock)


def _patiently(
    operation: Operation[T], persistence: Persistence, clock: Callable[[], float]
) -> Program[T]:
    """For who waits anyway: whatever passes within a minute is waited for."""
    patience_ends = clock() + _PATIENCE_SECONDS
    while True:
        try:
            return (yield from call(operation, persistence))
        except (ServiceUnreachable, ServiceFailed, Throttled):
            if clock() >= patience_ends:
                raise
        yield Sleep(_PATIENT_PAUSE_SECONDS)


def wait_until_ready(
    name: str,
    qualifier: str | None,
    persistence: Persistence,
    *,
    timeout_seconds: float,
    clock: Callable[[], float],
) -> Program[Function]:
    """The function once it is neither being created nor being changed. Raises NotReady."""
    ends = clock() + timeout_seconds
    pause = FIRST_LOOK_SECONDS
    while True:
        operation = functions.configuration(name, qualifier=qualifier)
        found = yield from call(operation, persistence)
        if found.is_ready:
            if "Failed" in (found.state, found.last_update_status):
                reason = found.state_reason or found.last_update_status_reason
                raise NotReady(f"{found.arn} has failed: {reason or 'no reason is told'}")
            return found
        if clock() >= ends:
            raise NotReady(f"{found.arn} is not ready after {timeout_seconds:g} s; ask again.")
        yield Sleep(pause)
        pause = min(pause * _LOOKS_GROW_BY, LONGEST_LOOK_SECONDS)


def events_after(
    arn: str, last_seen: int, persistence: Persistence, *, include_data: bool
) -> Program[tuple[HistoryEvent, ...]]:
    """What came after that event, oldest first; as cheap as there is little of it."""
    newest: list[HistoryEvent] = []
    marker: str | None = None
    while True:
        operation = executions.history_page(
            arn, include_data=include_data, newest_first=True, marker=marker
        )
        page: Page[HistoryEvent] = yield from call(operation, persistence)
        newest += (event for event in page.items if event.id > last_seen)
        marker = page.marker
        if marker is None or page.items[-1].id <= last_seen + 1:
            return tuple(reversed(newest))
