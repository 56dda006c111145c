"""Steps and waits on AWS's SDK: retries, and processes that die in the middle."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from tests.support.caller import Caller, Event, story_of

FUNCTION = "workflows:$LATEST"


def _run(caller: Caller, **event: Any) -> tuple[Any, list[Event]]:
    answer = caller.call(FUNCTION, event)
    assert answer.error is None, answer
    assert answer.arn is not None
    return answer.json, caller.history(answer.arn)


def test_the_result_of_a_step(caller: Caller) -> None:
    result, history = _run(caller, workflow="step", value={"grün": ["\0", 1.5, None]})
    assert result == {"grün": ["\0", 1.5, None]}
    assert story_of(history) == [
        "ExecutionStarted",
        "StepStarted only",
        "StepSucceeded only",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_wait_holds_no_invocation(caller: Caller) -> None:
    result, history = _run(caller, workflow="wait", seconds=1)
    assert result == "rested"
    assert story_of(history) == [
        "ExecutionStarted",
        "WaitStarted pause",
        "InvocationCompleted",
        "WaitSucceeded pause",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_failing_step_is_tried_again_after_its_backoff(caller: Caller) -> None:
    result, history = _run(caller, workflow="retry", failures=2)
    assert result == "attempt 3"
    assert story_of(history) == [
        "ExecutionStarted",
        "StepStarted flaky",
        "StepFailed flaky",
        "InvocationCompleted",
        "StepStarted flaky",
        "StepFailed flaky",
        "InvocationCompleted",
        "StepStarted flaky",
        "StepSucceeded flaky",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    first, second = history[2], history[5]
    assert first["StepFailedDetails"]["RetryDetails"] == {
        "CurrentAttempt": 1,
        "NextAttemptDelaySeconds": 1,
    }
    assert second["StepFailedDetails"]["RetryDetails"] == {
        "CurrentAttempt": 2,
        "NextAttemptDelaySeconds": 2,
    }
    assert first["StepFailedDetails"]["Error"]["Payload"]["ErrorMessage"] == "attempt 1"
    assert history[8]["StepSucceededDetails"]["RetryDetails"] == {"CurrentAttempt": 3}
    for failed, started, delay in ((2, 4, 1), (5, 7, 2)):
        pause = history[started]["EventTimestamp"] - history[failed]["EventTimestamp"]
        assert pause >= timedelta(seconds=delay)


def test_a_step_that_exhausts_its_attempts_fails_for_good(caller: Caller) -> None:
    result, history = _run(caller, workflow="retry", failures=9)
    assert result == "gave up: ValueError attempt 3"
    last = [event for event in history if event["EventType"] == "StepFailed"][-1]
    assert last["StepFailedDetails"]["RetryDetails"] == {"CurrentAttempt": 3}


def test_a_crash_in_an_at_least_once_step_runs_it_again(caller: Caller, file: Path) -> None:
    result, history = _run(
        caller, workflow="crash", file=str(file), semantics="AT_LEAST_ONCE_PER_RETRY"
    )
    assert result == "succeeded in run 2"
    assert file.read_text().splitlines() == ["before", "attempt 1", "attempt 1"]
    told = story_of(history)
    # The step's START is sent behind its back: the crash may come before it.
    assert [line for line in told if line != "StepStarted fatal"] == [
        "ExecutionStarted",
        "StepStarted before",
        "StepSucceeded before",
        "InvocationCompleted",
        "StepSucceeded fatal",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert told.count("StepStarted fatal") == 1
    _assert_crashed(history)


def test_a_crash_in_an_at_most_once_step_does_not_run_it_again(caller: Caller, file: Path) -> None:
    result, history = _run(
        caller, workflow="crash", file=str(file), semantics="AT_MOST_ONCE_PER_RETRY"
    )
    assert result.startswith("failed: ")
    assert result.endswith(".StepInterruptedError")
    assert file.read_text().splitlines() == ["before", "attempt 1"]
    assert story_of(history)[3:] == [
        "StepStarted fatal",
        "InvocationCompleted",
        "StepFailed fatal",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert history[5]["StepFailedDetails"]["RetryDetails"] == {"CurrentAttempt": 1}
    _assert_crashed(history)


def test_an_interrupted_at_most_once_step_goes_to_its_retry_strategy(
    caller: Caller, file: Path
) -> None:
    result, history = _run(
        caller, workflow="crash", file=str(file), semantics="AT_MOST_ONCE_PER_RETRY", retries=1
    )
    assert result == "succeeded in run 2"
    assert file.read_text().splitlines() == ["before", "attempt 1", "attempt 2"]
    assert story_of(history)[3:] == [
        "StepStarted fatal",
        "InvocationCompleted",
        "StepFailed fatal",
        "InvocationCompleted",
        "StepStarted fatal",
        "StepSucceeded fatal",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def _assert_crashed(history: list[Event]) -> None:
    """The first invocation ended with the death of its process, and none did after it."""
    first, *others = (event for event in history if event["EventType"] == "InvocationCompleted")
    error = first["InvocationCompletedDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "Runtime.ExitError"
    assert "exit status 7" in error["ErrorMessage"]
    assert not any("Error" in event["InvocationCompletedDetails"] for event in others)
