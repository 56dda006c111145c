"""What a history tells of operations that are under way."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from perdure.client import Attempt, CallbackOpened, ErrorObject, HistoryEvent, WaitTimes
from perdure.client.results.history import Detail
from perdure.client.results.progress import operations_of

START = datetime(2026, 1, 31, 12, tzinfo=UTC)


def event(
    id_: int,
    type_: str,
    operation: str | None = None,
    *,
    parent: str | None = None,
    sub_type: str | None = None,
    detail: Detail | None = None,
    error: ErrorObject | None = None,
) -> HistoryEvent:
    at = START + timedelta(seconds=id_)
    name = None if operation is None else f"name of {operation}"
    return HistoryEvent(id_, type_, at, operation, parent, sub_type, name, None, error, detail)


def test_events_of_the_execution_and_of_invocations_are_no_operations() -> None:
    types = ["ExecutionStarted", "InvocationCompleted", "ExecutionPaused", "ExecutionFailed"]
    assert operations_of([event(1, type_, "execution") for type_ in types]) == []


def test_a_step_is_tried_until_it_succeeds() -> None:
    error = ErrorObject("no")
    events = [event(1, "StepStarted", "a")]
    (step,) = operations_of(events)
    assert (step.status, step.attempt, step.ended_at) == ("STARTED", 1, None)
    events.append(event(2, "StepFailed", "a", detail=Attempt(1, 30), error=error))
    (step,) = operations_of(events)
    assert (step.status, step.attempt, step.error) == ("PENDING", 1, error)
    assert step.due_at == START + timedelta(seconds=32)
    events.append(event(3, "StepStarted", "a"))
    (step,) = operations_of(events)
    assert (step.status, step.attempt, step.due_at, step.error) == ("STARTED", 2, None, None)
    events.append(event(4, "StepSucceeded", "a", detail=Attempt(2, None)))
    (step,) = operations_of(events)
    assert (step.status, step.attempt) == ("SUCCEEDED", 2)
    assert step.started_at == START + timedelta(seconds=1)
    assert step.ended_at == START + timedelta(seconds=4)


def test_a_wait_is_due_until_it_is_over() -> None:
    due_at = START + timedelta(seconds=99)
    events = [event(1, "WaitStarted", "w", sub_type="Wait", detail=WaitTimes(98, due_at))]
    (wait,) = operations_of(events)
    assert (wait.type, wait.status, wait.due_at) == ("Wait", "STARTED", due_at)
    events.append(event(2, "WaitSucceeded", "w", detail=WaitTimes(98, None)))
    (wait,) = operations_of(events)
    assert (wait.status, wait.due_at, wait.ended_at) == ("SUCCEEDED", None, events[1].at)


def test_a_callback_has_its_id_and_its_deadline() -> None:
    events = [
        event(1, "CallbackStarted", "c", detail=CallbackOpened("id", 60, None)),
        event(2, "CallbackStarted", "d", detail=CallbackOpened("other", None, None)),
        event(3, "CallbackTimedOut", "c", error=ErrorObject("late")),
    ]
    first, second = operations_of(events)
    assert (first.callback_id, first.status, first.due_at) == ("id", "TIMED_OUT", None)
    assert (second.callback_id, second.status, second.due_at) == ("other", "STARTED", None)
    (before,) = operations_of(events[:1])
    assert before.due_at == START + timedelta(seconds=61)


def test_operations_stand_in_the_order_of_their_starts_within_their_contexts() -> None:
    events = [
        event(1, "ContextStarted", "p", sub_type="Parallel"),
        event(2, "ContextStarted", "b", parent="p", sub_type="ParallelBranch"),
        event(3, "StepStarted", "s", parent="b"),
        event(4, "ChainedInvokeStarted", "i"),
        event(5, "ChainedInvokeStopped", "i"),
        event(6, "ContextSucceeded", "p"),
    ]
    found = operations_of(events)
    assert [(one.id, one.depth) for one in found] == [("p", 0), ("b", 1), ("s", 2), ("i", 0)]
    assert [one.status for one in found] == ["SUCCEEDED", "STARTED", "STARTED", "STOPPED"]
