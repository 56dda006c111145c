"""The form of the expected histories: what fits, and what is shown where it does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.history import HistoryDiffers, check_history
from tests.support.history_facts import Event, check_laws, render

START = datetime(2026, 1, 1, tzinfo=UTC)


def history(*events: tuple[str, dict[str, Any]]) -> list[Event]:
    """Each event as its type and what it has besides id and time; a second between them."""
    return [
        {
            "EventType": type_,
            "EventId": number,
            "EventTimestamp": START + timedelta(seconds=number),
            f"{type_}Details": {},
            **members,
        }
        for number, (type_, members) in enumerate(events, 1)
    ]


STARTED = ("ExecutionStarted", {"Id": "e"})
INVOKED: tuple[str, Event] = ("InvocationCompleted", {})
SUCCEEDED = ("ExecutionSucceeded", {"Id": "e"})


def step(type_: str, name: str, parent: str | None = None, **details: Any) -> tuple[str, Event]:
    within = {} if parent is None else {"ParentId": parent}
    if type_ != "StepStarted":
        details.setdefault("RetryDetails", {"CurrentAttempt": 1})
    member = {f"{type_}Details": details}
    return type_, {"Id": f"id {name}", "Name": name, "SubType": "Step", **within, **member}


def context(type_: str, name: str) -> tuple[str, Event]:
    return type_, {"Id": f"id {name}", "Name": name, "SubType": "RunInChildContext"}


ONE_STEP = history(
    STARTED,
    step("StepStarted", "charge"),
    step("StepSucceeded", "charge", Result={"Payload": '{"a":1}', "Truncated": False}),
    INVOKED,
    SUCCEEDED,
)


def test_a_history_fits_its_text() -> None:
    check_history(
        """
        ExecutionStarted
        # the only step
        StepStarted     charge
        StepSucceeded   charge  result={"a": 1} text="{\\"a\\":1}"
        InvocationCompleted
        ExecutionSucceeded
        """,
        ONE_STEP,
    )


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("StepSucceeded charge result=2", "its result is"),
        ("StepSucceeded charge attempt=2", "its attempt is 1"),
        ("StepSucceeded charge delay=1", "its delay is null"),
        ("StepSucceeded refund", "its name is 'charge'"),
        ("StepSucceeded charge in=group", "its in is null"),
        ("StepFailed charge", "it is StepSucceeded"),
    ],
)
def test_a_difference_is_told_with_the_whole_history(line: str, reason: str) -> None:
    with pytest.raises(HistoryDiffers) as differs:
        check_history(f"ExecutionStarted\nStepStarted charge\n{line}", ONE_STEP)
    assert f"event 3: {reason}" in str(differs.value)
    assert render(ONE_STEP) in str(differs.value)


def test_what_is_missing_or_too_much_is_a_difference() -> None:
    lines = "ExecutionStarted\nStepStarted charge\nStepSucceeded charge\nInvocationCompleted"
    with pytest.raises(HistoryDiffers, match="not expected any more"):
        check_history(lines, ONE_STEP)
    with pytest.raises(HistoryDiffers, match="a line more is expected"):
        check_history(f"{lines}\nExecutionSucceeded\nStepStarted late", ONE_STEP)


INTERLEAVED = history(
    STARTED,
    context("ContextStarted", "both"),
    step("StepStarted", "branch 1", "id both"),
    step("StepStarted", "branch 0", "id both"),
    INVOKED,
    step("StepSucceeded", "branch 0", "id both"),
    INVOKED,
    step("StepSucceeded", "branch 1", "id both"),
    context("ContextSucceeded", "both"),
    INVOKED,
    SUCCEEDED,
)


def test_strands_come_in_any_mixture() -> None:
    check_history(
        """
        ExecutionStarted
        ContextStarted  both
        0..1| StepStarted    "branch {}"  in=both
        0..1| StepSucceeded  "branch {}"
        *| InvocationCompleted
        ContextSucceeded both
        ?| ContextFailed both
        InvocationCompleted
        ExecutionSucceeded
        """,
        INTERLEAVED,
    )


def test_the_order_within_a_strand_counts() -> None:
    with pytest.raises(HistoryDiffers, match="event 3 is none of those expected"):
        check_history(
            """
            ExecutionStarted
            ContextStarted both
            a| StepStarted "branch 0" in=both
            a| StepStarted "branch 1" in=both
            """,
            INTERLEAVED,
        )


@pytest.mark.parametrize(
    "events",
    [
        history(STARTED, SUCCEEDED, INVOKED, INVOKED),
        history(STARTED, SUCCEEDED, step("StepStarted", "late")),
        history(STARTED, context("ContextStarted", "a"), step("StepStarted", "a")),
        history(
            STARTED,
            step(
                "StepFailed", "a", RetryDetails={"CurrentAttempt": 1, "NextAttemptDelaySeconds": 3}
            ),
            step("StepStarted", "a"),
        ),
        [*history(STARTED), *history(STARTED)],
    ],
    ids=["two ends", "after the end", "another identity", "early", "ids"],
)
def test_what_no_history_may_be(events: list[Event]) -> None:
    with pytest.raises(AssertionError):
        check_laws(events)
