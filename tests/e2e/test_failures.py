"""Executions that do not end well."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from tests.e2e.conftest import HANDLERS
from tests.support.caller import Caller, story_of
from tests.support.service import ServiceProcess
from tests.support.worker import running_worker

FUNCTION = "workflows:$LATEST"


def test_a_failed_handler_is_a_function_error_for_the_caller(caller: Caller) -> None:
    answer = caller.call(FUNCTION, {"workflow": "fail", "message": "no such order"})
    assert (answer.status, answer.error) == (200, "Unhandled")
    # AWS's SDK reports no stack trace for what a handler raises.
    assert answer.json == {"errorType": "LookupError", "errorMessage": "no such order"}
    assert answer.arn is not None
    execution = caller.get(answer.arn)
    assert execution["Status"] == "FAILED"
    assert execution["Error"]["ErrorType"] == "LookupError"
    assert story_of(caller.history(answer.arn)) == [
        "ExecutionStarted",
        "InvocationCompleted",
        "ExecutionFailed",
    ]


def test_a_module_that_does_not_load_ends_the_execution_after_three_tries(
    service: ServiceProcess, caller: Caller, tmp_path: Path
) -> None:
    with running_worker(tmp_path, service.url, [f"{HANDLERS}/unloadable.py"]):
        answer = caller.call("unloadable:$LATEST", {})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "KeyError"
    assert "MISSING_SETTING" in answer.json["errorMessage"]
    assert any("unloadable.py" in line for line in answer.json["stackTrace"])
    assert answer.arn is not None
    assert story_of(caller.history(answer.arn)) == [
        "ExecutionStarted",
        "InvocationCompleted",
        "InvocationCompleted",
        "InvocationCompleted",
        "ExecutionFailed",
    ]


def test_an_execution_over_its_timeout_ends(
    service: ServiceProcess, caller: Caller, tmp_path: Path
) -> None:
    options = ["--execution-timeout", "2"]
    specs = [f"hasty={HANDLERS}/workflows.py"]
    with running_worker(tmp_path, service.url, specs, options=options):
        answer = caller.call("hasty:$LATEST", {"workflow": "wait", "seconds": 3_000})
    assert answer.error == "Unhandled"
    assert "Execution timed out after 2 seconds" in answer.json["errorMessage"]
    assert answer.arn is not None
    assert caller.get(answer.arn)["Status"] == "TIMED_OUT"
    # On a busy machine its first invocation may end after it.
    assert "ExecutionTimedOut" in story_of(caller.history(answer.arn))[-2:]


def test_an_execution_is_stopped(caller: Caller) -> None:
    arn = caller.start(FUNCTION, {"workflow": "wait", "seconds": 3_000})
    caller.until_event(arn, "InvocationCompleted")
    error = {"ErrorType": "Cancelled", "ErrorMessage": "by the customer"}
    stopped = caller.client.stop_durable_execution(DurableExecutionArn=arn, Error=error)
    execution = caller.get(arn)
    assert execution["Status"] == "STOPPED"
    assert execution["Error"] == error
    assert execution["EndTimestamp"] == stopped["StopTimestamp"]
    assert story_of(caller.history(arn)) == [
        "ExecutionStarted",
        "WaitStarted pause",
        "InvocationCompleted",
        "ExecutionStopped",
    ]
    again = caller.client.stop_durable_execution(DurableExecutionArn=arn)
    assert again["StopTimestamp"] == stopped["StopTimestamp"]


def test_a_caller_who_waits_learns_of_a_stop(caller: Caller, name: str) -> None:
    event = {"workflow": "wait", "seconds": 3_000}
    arn = caller.start(FUNCTION, event, name=name)
    caller.until_event(arn, "InvocationCompleted")
    caller.client.stop_durable_execution(DurableExecutionArn=arn)
    answer = caller.call(FUNCTION, event, DurableExecutionName=name)
    assert (answer.arn, answer.error) == (arn, "Unhandled")


def test_what_is_not_there_is_not_found(caller: Caller) -> None:
    arn = caller.start(FUNCTION, {"workflow": "step", "value": 1})
    head, _, id_ = arn.rpartition("/")
    other = f"{head}/{id_[:-4]}{'0000' if id_[-4:] != '0000' else '0001'}"
    with pytest.raises(ClientError) as refused:
        caller.get(other)
    assert refused.value.response["Error"]["Code"] == "ResourceNotFoundException"
