"""Contexts within an execution: parallel, map, child contexts, and polling."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.caller import Caller, Event, names_of, story_of
from tests.support.waiting import eventually

FUNCTION = "workflows:$LATEST"


def _run(caller: Caller, **event: Any) -> tuple[Any, list[Event]]:
    answer = caller.call(FUNCTION, event)
    assert answer.error is None, answer
    assert answer.arn is not None
    return answer.json, caller.history(answer.arn)


def test_parallel_branches(caller: Caller) -> None:
    result, history = _run(caller, workflow="parallel")
    assert result == ["a", "b"]
    contexts = [event.get("SubType") for event in history if event["EventType"] == "ContextStarted"]
    assert contexts == ["Parallel", "ParallelBranch", "ParallelBranch"]
    both, *branches = [event for event in history if event["EventType"] == "ContextStarted"]
    assert {branch["ParentId"] for branch in branches} == {both["Id"]}
    steps = [event for event in history if event["EventType"] == "StepSucceeded"]
    assert {step["ParentId"] for step in steps} == {branch["Id"] for branch in branches}
    assert story_of(history)[-3:] == [
        "ContextSucceeded both",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_map_runs_a_few_items_at_a_time(caller: Caller) -> None:
    result, history = _run(caller, workflow="map", items=[1, 2, 3])
    assert result == [1, 4, 9]
    assert sorted(names_of(history, "WaitSucceeded")) == ["wait 0", "wait 1", "wait 2"]
    assert names_of(history, "WaitStarted")[2] == "wait 2"
    at = next(event["EventId"] for event in history if event.get("Name") == "wait 2")
    assert {"wait 0", "wait 1"} & set(names_of(history[:at], "WaitSucceeded"))


def test_the_steps_of_a_closed_child_context_are_not_run_again(caller: Caller) -> None:
    result, history = _run(caller, workflow="child")
    assert result == "one two"
    assert story_of(history) == [
        "ExecutionStarted",
        "ContextStarted group",
        "StepStarted first",
        "StepSucceeded first",
        "StepStarted second",
        "StepSucceeded second",
        "ContextSucceeded group",
        "WaitStarted pause",
        "InvocationCompleted",
        "WaitSucceeded pause",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]


def test_a_child_context_with_a_large_result_is_replayed_from_its_steps(caller: Caller) -> None:
    result, history = _run(caller, workflow="large_child")
    assert result == 400_000
    assert story_of(history).count("StepSucceeded part") == 1
    (closed,) = [event for event in history if event["EventType"] == "ContextSucceeded"]
    assert len(closed["ContextSucceededDetails"]["Result"].get("Payload", "")) < 100


def test_a_condition_is_polled_until_it_holds(caller: Caller) -> None:
    result, history = _run(caller, workflow="condition", until=2)
    assert result == 2
    assert story_of(history) == [
        "ExecutionStarted",
        "StepStarted grown",
        "StepSucceeded grown",
        "InvocationCompleted",
        "StepStarted grown",
        "StepSucceeded grown",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    first, second = (e["StepSucceededDetails"] for e in history if "StepSucceededDetails" in e)
    assert first["Result"]["Payload"] == "1"
    assert first["RetryDetails"] == {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1}
    assert second["RetryDetails"] == {"CurrentAttempt": 2}
    assert {event.get("SubType") for event in history[1:3]} == {"WaitForCondition"}


def test_what_follows_a_callback_runs_though_other_branches_wait(
    caller: Caller, file: Path
) -> None:
    """The answer to the slow step's checkpoint brings the callback's result, and the SDK returns
    PENDING all the same: the next wake-up would be in 30 days."""
    arn = caller.start(FUNCTION, {"workflow": "first_of_three", "file": str(file)})
    callback_id = eventually(lambda: file.exists() and file.read_text().strip(), 20)
    caller.until_event(arn, "WaitStarted")
    caller.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"yes")
    with file.open("a") as notes:
        notes.write("completed\n")
    approved = caller.until_event(arn, "StepSucceeded", count=2)
    assert approved.get("Name") == "approved"
    told = story_of(caller.history(arn))
    assert told.index("CallbackSucceeded approval") < told.index("StepSucceeded slow")
    assert told.index("StepSucceeded slow") < told.index("InvocationCompleted")
    caller.client.stop_durable_execution(DurableExecutionArn=arn)
