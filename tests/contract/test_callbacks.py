"""The three callback operations, by boto3 and with ids as curl users write them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract.raw_worker import Delivered, RawWorker


@pytest.fixture
def taken(aws: Any, worker: RawWorker) -> Delivered:
    aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    return worker.take()


@pytest.fixture
def callback_id(aws: Any, taken: Delivered) -> str:
    """An open callback of a running invocation."""
    answer = aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn,
        CheckpointToken=taken.token,
        Updates=[{"Id": "ok", "Type": "CALLBACK", "Action": "START", "Name": "approve"}],
    )
    return str(answer["NewExecutionState"]["Operations"][0]["CallbackDetails"]["CallbackId"])


def outcome(aws: Any, taken: Delivered) -> dict[str, Any]:
    """The event that completed the callback."""
    events = aws.get_durable_execution_history(DurableExecutionArn=taken.arn)["Events"]
    (completed,) = [event for event in events if event.get("Id") == "ok" and event["EventId"] > 2]
    return dict(completed)


def test_a_result_is_kept_byte_for_byte(aws: Any, taken: Delivered, callback_id: str) -> None:
    body = ' not json, é\0 "'.encode()
    aws.send_durable_execution_callback_success(CallbackId=callback_id, Result=body)
    event = outcome(aws, taken)
    assert event["EventType"] == "CallbackSucceeded"
    assert event["CallbackSucceededDetails"]["Result"]["Payload"].encode() == body


def test_success_may_come_without_a_result(aws: Any, taken: Delivered, callback_id: str) -> None:
    aws.send_durable_execution_callback_success(CallbackId=callback_id)
    assert outcome(aws, taken)["CallbackSucceededDetails"] == {"Result": {"Truncated": False}}


def test_a_failure_carries_its_error(aws: Any, taken: Delivered, callback_id: str) -> None:
    error = {"ErrorType": "No", "ErrorMessage": "not now", "ErrorData": "x", "StackTrace": ["a"]}
    aws.send_durable_execution_callback_failure(CallbackId=callback_id, Error=error)
    event = outcome(aws, taken)
    assert event["EventType"] == "CallbackFailed"
    assert event["CallbackFailedDetails"]["Error"]["Payload"] == error


def test_a_failure_without_a_body_is_an_empty_error(
    aws: Any, taken: Delivered, callback_id: str
) -> None:
    aws.send_durable_execution_callback_failure(CallbackId=callback_id)
    assert outcome(aws, taken)["CallbackFailedDetails"]["Error"]["Payload"] == {}


def test_a_heartbeat_leaves_it_open(aws: Any, callback_id: str) -> None:
    aws.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
    aws.send_durable_execution_callback_success(CallbackId=callback_id)
    with pytest.raises(aws.exceptions.CallbackTimeoutException) as caught:
        aws.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
    error = caught.value.response["Error"]
    assert error["Message"] == "The callback is either timed out or already completed"


@pytest.mark.parametrize("safe", ["/+=", "+=", "=", ""], ids=["raw", "slash", "plus", "encoded"])
def test_ids_are_taken_raw_and_encoded(http: httpx.Client, callback_id: str, safe: str) -> None:
    path = f"/2025-12-01/durable-execution-callbacks/{quote(callback_id, safe=safe)}"
    answer = http.post(f"{path}/heartbeat")
    assert (answer.status_code, answer.json()) == (200, {})


@pytest.mark.parametrize("id_", ["abc", "a/b+c=", "%ff", "é", "AgAB" * 20])
def test_an_id_that_was_never_issued_is_refused(http: httpx.Client, id_: str) -> None:
    for verb in ("succeed", "fail", "heartbeat"):
        path = f"/2025-12-01/durable-execution-callbacks/{quote(id_, safe='/+=%')}/{verb}"
        answer = http.post(path)
        assert answer.status_code == 400
        assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"


def test_a_result_over_the_limit_is_refused(aws: Any, callback_id: str) -> None:
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="1048576"):
        aws.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"a" * 1_048_577)
    aws.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"a" * 1_048_576)
