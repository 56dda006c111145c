"""Handlers that run out of memory or time are invoked again, after waits that double."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from tests.fault.orders import invocation_errors
from tests.support.caller import Caller, story_of
from tests.support.service import running_service
from tests.support.worker import running_worker

HANDLER = Path(__file__).parent / "handlers" / "dying.py"
OPTIONS = ["--timeout", "3", "--concurrency", "2"]


def test_deaths_are_retried_with_backoff_and_cost_the_step_no_attempt(
    database_url: str, tmp_path: Path
) -> None:
    deaths = ["out of memory", "timeout", "out of memory"]
    event = {"file": str(tmp_path / "runs"), "deaths": deaths}
    with (
        running_service(tmp_path / "s", database_url=database_url) as service,
        running_worker(tmp_path / "w", service.url, [str(HANDLER)], options=OPTIONS),
    ):
        caller = Caller(service.url)
        answer = caller.call("dying:$LATEST", event)
        assert answer.arn is not None
        history = caller.history(answer.arn)
    assert answer.json == "alive"
    # Whether the start of the step was written down before it died is a matter of luck.
    assert [line for line in story_of(history) if line != "StepStarted work"] == [
        "ExecutionStarted",
        *["InvocationCompleted"] * 3,
        "StepSucceeded work",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    (kept,) = (event for event in history if event["EventType"] == "StepSucceeded")
    assert kept["StepSucceededDetails"]["RetryDetails"] == {"CurrentAttempt": 1}
    exit_error, timed_out = "Runtime.ExitError", "Sandbox.Timedout"
    assert invocation_errors(history) == [exit_error, timed_out, exit_error, None]
    spans = [e["InvocationCompletedDetails"] for e in history if "InvocationCompletedDetails" in e]
    messages = [span["Error"]["Payload"]["ErrorMessage"] for span in spans[:-1]]
    assert "signal: killed" in messages[0]
    assert "Task timed out after 3.00 seconds" in messages[1]
    waits = [
        (after["StartTimestamp"] - before["EndTimestamp"]).total_seconds()
        for before, after in pairwise(spans)
    ]
    assert all(wait >= least for wait, least in zip(waits, (0.1, 0.2, 0.4), strict=True)), waits
