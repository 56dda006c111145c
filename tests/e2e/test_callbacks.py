"""Callbacks: opened by AWS's SDK, completed from outside with boto3."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.support.caller import Caller, story_of
from tests.support.waiting import eventually

FUNCTION = "workflows:$LATEST"


def _open(caller: Caller, **event: Any) -> tuple[str, str]:
    """An execution that waits for a callback: its ARN and the callback's id."""
    arn = caller.start(FUNCTION, {"workflow": "callback", **event})
    started = caller.until_event(arn, "CallbackStarted")
    return arn, started["CallbackStartedDetails"]["CallbackId"]


def _result(caller: Caller, arn: str) -> str | None:
    return caller.until_closed(arn).get("Result")


def test_a_callback_succeeds_with_what_it_was_given(caller: Caller) -> None:
    arn, callback_id = _open(caller)
    caller.until_event(arn, "InvocationCompleted")
    caller.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b'{"a":1}')
    assert _result(caller, arn) == '"{\\"a\\":1}"'
    history = caller.history(arn)
    assert story_of(history) == [
        "ExecutionStarted",
        "CallbackStarted approval",
        "InvocationCompleted",
        "CallbackSucceeded approval",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert history[3]["CallbackSucceededDetails"]["Result"]["Payload"] == '{"a":1}'


def test_a_callback_fails_with_the_error_it_was_given(caller: Caller) -> None:
    arn, callback_id = _open(caller)
    caller.client.send_durable_execution_callback_failure(
        CallbackId=callback_id, Error={"ErrorType": "Denied", "ErrorMessage": "too expensive"}
    )
    assert _result(caller, arn) == '"CallbackExternalError: too expensive"'
    (failed,) = [e for e in caller.history(arn) if e["EventType"] == "CallbackFailed"]
    assert failed["CallbackFailedDetails"]["Error"]["Payload"] == {
        "ErrorType": "Denied",
        "ErrorMessage": "too expensive",
    }


def test_a_callback_times_out(caller: Caller) -> None:
    arn, callback_id = _open(caller, timeout=1)
    assert _result(caller, arn) == '"CallbackTimeoutError: Callback timed out"'
    (failed,) = [e for e in caller.history(arn) if e["EventType"] == "CallbackTimedOut"]
    error = failed["CallbackTimedOutDetails"]["Error"]["Payload"]
    assert error["ErrorType"] == "Callback.Timeout"
    _assert_too_late(caller, callback_id)


def test_a_callback_without_heartbeats_times_out(caller: Caller) -> None:
    arn, _ = _open(caller, heartbeat=1)
    assert _result(caller, arn) == '"CallbackTimeoutError: Callback timed out on heartbeat"'


def test_heartbeats_keep_a_callback_open(caller: Caller) -> None:
    arn, callback_id = _open(caller, heartbeat=2)
    opened_at = time.monotonic()

    def is_older_than_its_heartbeat() -> bool:
        caller.client.send_durable_execution_callback_heartbeat(CallbackId=callback_id)
        return time.monotonic() > opened_at + 3

    eventually(is_older_than_its_heartbeat)
    caller.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"alive")
    assert _result(caller, arn) == '"alive"'
    assert "CallbackTimedOut approval" not in story_of(caller.history(arn))


def test_a_completed_callback_cannot_be_completed_again(caller: Caller) -> None:
    arn, callback_id = _open(caller)
    caller.client.send_durable_execution_callback_success(CallbackId=callback_id)
    assert _result(caller, arn) == "null"
    _assert_too_late(caller, callback_id)


def test_wait_for_callback_submits_its_id_and_waits(caller: Caller, file: Path) -> None:
    event = {"workflow": "wait_for_callback", "file": str(file)}
    arn = caller.start(FUNCTION, event)
    caller.until_event(arn, "InvocationCompleted")
    (callback_id,) = file.read_text().splitlines()
    caller.client.send_durable_execution_callback_success(CallbackId=callback_id, Result=b"yes")
    assert _result(caller, arn) == '"yes"'
    history = caller.history(arn)
    told = [f"{event['EventType']} {event.get('SubType', '')}".rstrip() for event in history]
    assert told == [
        "ExecutionStarted",
        "ContextStarted WaitForCallback",
        "CallbackStarted Callback",
        "StepStarted Step",
        "StepSucceeded Step",
        "InvocationCompleted",
        "CallbackSucceeded Callback",
        "ContextSucceeded WaitForCallback",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    context = history[1]["Id"]
    assert {event["ParentId"] for event in history if "ParentId" in event} == {context}


def _assert_too_late(caller: Caller, callback_id: str) -> None:
    with pytest.raises(ClientError) as refused:
        caller.client.send_durable_execution_callback_success(CallbackId=callback_id)
    error = refused.value.response["Error"]
    assert error["Code"] == "CallbackTimeoutException"
    assert error["Message"] == "The callback is either timed out or already completed"
