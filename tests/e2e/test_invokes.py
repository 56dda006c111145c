"""Plain functions, invoked from outside and from an execution, and chained executions."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.caller import Caller, Event, story_of

FUNCTION = "workflows:$LATEST"


def test_a_plain_function_answers(caller: Caller) -> None:
    answer = caller.call("plain", {"a": 1})
    assert (answer.status, answer.error, answer.arn) == (200, None, None)
    assert answer.version == "$LATEST"
    assert answer.json["echo"] == {"a": 1}


def test_a_plain_function_fails(caller: Caller) -> None:
    answer = caller.call("plain", {"fail": "no"})
    assert (answer.status, answer.error) == (200, "Unhandled")
    assert answer.json["errorType"] == "RuntimeError"
    assert answer.json["errorMessage"] == "no"
    assert answer.json["stackTrace"]


def test_a_plain_function_is_invoked_without_waiting(caller: Caller) -> None:
    answer = caller.call("plain", {"a": 1}, InvocationType="Event")
    assert (answer.status, answer.body, answer.arn) == (202, b"", None)


@pytest.mark.parametrize("function", ["plain", "workflows:$LATEST"])
def test_a_dry_run_starts_nothing(caller: Caller, function: str) -> None:
    answer = caller.call(function, {"fail": "no"}, InvocationType="DryRun")
    assert (answer.status, answer.body, answer.error, answer.arn) == (204, b"", None, None)


def test_a_durable_function_is_not_invoked_without_a_qualifier(caller: Caller) -> None:
    with pytest.raises(ClientError, match="You cannot invoke a durable function using an unqual"):
        caller.call("workflows", {"workflow": "step", "value": 1})


def test_an_execution_invokes_another_and_takes_its_result(caller: Caller) -> None:
    result, history = _invoke(caller, FUNCTION, {"workflow": "wait", "seconds": 1})
    assert result == "rested"
    assert story_of(history) == [
        "ExecutionStarted",
        "ChainedInvokeStarted other",
        "InvocationCompleted",
        "ChainedInvokeSucceeded other",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    details = history[1]["ChainedInvokeStartedDetails"]
    assert details["FunctionName"] == FUNCTION
    assert details["ExecutedVersion"] == "$LATEST"
    child = details["DurableExecutionArn"]
    assert caller.get(child)["Status"] == "SUCCEEDED"
    assert story_of(caller.history(child))[1] == "WaitStarted pause"


def test_an_execution_invokes_a_plain_function(caller: Caller) -> None:
    result, history = _invoke(caller, "plain", {"b": 2})
    assert result["echo"] == {"b": 2}
    assert "DurableExecutionArn" not in history[1]["ChainedInvokeStartedDetails"]


def test_the_failure_of_a_chained_execution_reaches_its_parent(caller: Caller) -> None:
    event = {"workflow": "fail", "message": "not here"}
    result, history = _invoke(caller, FUNCTION, event)
    assert result == "LookupError: not here"
    assert "ChainedInvokeFailed other" in story_of(history)


@pytest.mark.parametrize(
    ("target", "error"),
    [
        ("nowhere", "ResourceNotFoundException"),
        ("workflows", "InvalidParameterValueException"),
    ],
)
def test_a_target_that_cannot_be_invoked_fails_at_once(
    caller: Caller, target: str, error: str
) -> None:
    result, history = _invoke(caller, target, {})
    assert result.startswith(f"{error}: ")
    assert story_of(history) == [
        "ExecutionStarted",
        "ChainedInvokeStarted other",
        "ChainedInvokeFailed other",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert history[1]["ChainedInvokeStartedDetails"]["FunctionName"] == target


def _invoke(caller: Caller, target: str, payload: object) -> tuple[Any, list[Event]]:
    event = {"workflow": "invoke", "target": target, "payload": payload}
    answer = caller.call(FUNCTION, event)
    assert answer.error is None, answer
    assert answer.arn is not None
    return answer.json, caller.history(answer.arn)
