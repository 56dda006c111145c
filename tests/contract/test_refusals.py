"""What each operation refuses, as boto3 reads it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.contract.by_hand import ByHand
from tests.contract.calls import NOBODY, call, calls
from tests.contract.raw_worker import RawWorker
from tests.support.waiting import eventually

EXECUTION_OPERATIONS = [
    name for name, parameters in calls().items() if "DurableExecutionArn" in parameters
]
CALLBACK_OPERATIONS = [name for name, parameters in calls().items() if "CallbackId" in parameters]
WITH_A_TOKEN = ["CheckpointDurableExecution", "GetDurableExecutionState"]


def refused(aws: Any, operation: str, parameters: Mapping[str, Any]) -> tuple[str, str]:
    """The code and the message."""
    with pytest.raises(ClientError) as caught:
        call(aws, operation, parameters)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize("operation", EXECUTION_OPERATIONS)
def test_an_arn_that_is_none_is_a_bad_parameter(aws: Any, operation: str) -> None:
    code, message = refused(aws, operation, calls(arn="nonsense")[operation])
    assert code == "InvalidParameterValueException"
    assert message.startswith("1 validation error detected: Value 'nonsense' at ")
    assert "'durableExecutionArn' failed to satisfy constraint: Member must satisfy" in message


@pytest.mark.parametrize("operation", EXECUTION_OPERATIONS)
def test_an_unknown_execution_is_not_found_but_with_a_token_the_token_is_bad(
    aws: Any, operation: str
) -> None:
    expected = ("ResourceNotFoundException", f"Durable Execution does not exist: {NOBODY}")
    if operation in WITH_A_TOKEN:
        expected = ("InvalidParameterValueException", "Invalid checkpoint token")
    assert refused(aws, operation, calls()[operation]) == expected


@pytest.mark.parametrize("operation", CALLBACK_OPERATIONS)
def test_a_callback_id_that_was_never_issued_is_a_bad_parameter(aws: Any, operation: str) -> None:
    expected = ("InvalidParameterValueException", "Invalid callback id")
    assert refused(aws, operation, calls()[operation]) == expected


@pytest.mark.parametrize("operation", CALLBACK_OPERATIONS)
@pytest.mark.parametrize("end", ["completed", "stopped"])
def test_a_callback_that_is_over_is_timed_out(
    aws: Any, worker: RawWorker, operation: str, end: str
) -> None:
    run = ByHand.start(aws, worker)
    shown = run.checkpoint({"Id": "c", "Type": "CALLBACK", "Action": "START"})["c"]
    callback_id = shown["CallbackDetails"]["CallbackId"]
    if end == "completed":
        aws.send_durable_execution_callback_success(CallbackId=callback_id)
    else:
        aws.stop_durable_execution(DurableExecutionArn=run.arn)
    message = "The callback is either timed out or already completed"
    assert refused(aws, operation, calls(callback_id=callback_id)[operation]) == (
        "CallbackTimeoutException",
        message,
    )


def test_a_callback_of_an_execution_that_was_deleted_is_not_found(
    aws: Any, worker: RawWorker
) -> None:
    run = ByHand.start(aws, worker)
    shown = run.checkpoint({"Id": "c", "Type": "CALLBACK", "Action": "START"})["c"]
    aws.stop_durable_execution(DurableExecutionArn=run.arn)
    aws.delete_durable_execution(DurableExecutionArn=run.arn)
    every = calls(arn=run.arn, callback_id=shown["CallbackDetails"]["CallbackId"])
    gone = ("ResourceNotFoundException", f"Durable Execution does not exist: {run.arn}")
    eventually(lambda: _outcome(aws, "GetDurableExecution", every) == gone[0])
    assert refused(aws, "GetDurableExecution", every["GetDurableExecution"]) == gone
    for operation in CALLBACK_OPERATIONS:
        assert refused(aws, operation, every[operation])[0] == gone[0]


def _outcome(aws: Any, operation: str, every: Mapping[str, Mapping[str, Any]]) -> str | None:
    try:
        call(aws, operation, every[operation])
    except ClientError as error:
        return str(error.response["Error"]["Code"])
    return None


@pytest.mark.parametrize("operation", ["Invoke", "ListDurableExecutionsByFunction"])
def test_an_unknown_function_is_not_found(aws: Any, operation: str) -> None:
    code, message = refused(aws, operation, calls()[operation])
    assert code == "ResourceNotFoundException"
    assert message.startswith("Function not found: ")


@pytest.mark.parametrize("operation", ["Invoke", "ListDurableExecutionsByFunction"])
def test_a_function_name_that_is_none_is_a_bad_parameter(aws: Any, operation: str) -> None:
    code, message = refused(aws, operation, calls(function="no body")[operation])
    assert code == "InvalidParameterValueException"
    assert message.startswith("1 validation error detected: Value 'no body' at 'functionName'")


def test_two_qualifiers_that_differ_are_a_bad_parameter(aws: Any, worker: RawWorker) -> None:
    name = f"{worker.function}:1"
    assert refused(aws, "Invoke", calls(function=name, qualifier="$LATEST")["Invoke"]) == (
        "InvalidParameterValueException",
        "The derived qualifier from the function name does not match the specified qualifier.",
    )


def test_an_invoke_with_a_payload_that_is_no_json_is_refused(aws: Any, worker: RawWorker) -> None:
    code, message = refused(
        aws,
        "Invoke",
        {"FunctionName": worker.function, "Qualifier": "$LATEST", "Payload": b"{"},
    )
    assert code == "InvalidRequestContentException"
    assert message.startswith("Could not parse request body into json: ")
