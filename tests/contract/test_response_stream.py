"""InvokeWithResponseStream by boto3."""

from __future__ import annotations

import base64
import json
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from typing import Any

import httpx
import pytest

from tests.contract.function_calls import create_from_zip
from tests.contract.raw_worker import PoolWorker

RUNTIME = "provided.al2023"
"""Of no other test's worker."""


@pytest.fixture
def pool(http: httpx.Client) -> PoolWorker:
    worker = PoolWorker(http, RUNTIME)
    assert worker.register().status_code == 200
    return worker


def answered(
    aws: Any, pool: PoolWorker, function: str, body: bytes, outcome: str = "returned", **more: Any
) -> tuple[Any, list[dict[str, Any]]]:
    """The answer, and the events of its stream."""
    with ThreadPoolExecutor(1) as thread:
        called: Future[Any] = thread.submit(
            aws.invoke_with_response_stream, FunctionName=function, Payload=b'{"a": 1}', **more
        )
        taken = pool.take()
        assert taken.event == {"a": 1}
        pool.http.post(
            f"/v1/workers/{pool.id}/invocations/{taken.id}/result",
            content=body,
            headers={"Perdure-Outcome": outcome},
        )
        answer = called.result(20)
    with closing(answer["EventStream"]) as stream:
        return answer, list(stream)


def test_the_response_of_a_plain_function_is_streamed(
    aws: Any, pool: PoolWorker, function: str
) -> None:
    create_from_zip(aws, function, Runtime=RUNTIME, Publish=True)
    result = json.dumps("ö" * 200_000).encode()
    answer, events = answered(aws, pool, function, result, Qualifier="1")
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "1")
    assert answer["ResponseStreamContentType"] == "application/vnd.amazon.eventstream"
    *chunks, end = events
    assert len(chunks) > 1
    assert b"".join(chunk["PayloadChunk"]["Payload"] for chunk in chunks) == result
    assert end == {"InvokeComplete": {}}


def test_an_error_comes_at_the_end_of_the_stream(aws: Any, pool: PoolWorker, function: str) -> None:
    create_from_zip(aws, function, Runtime=RUNTIME)
    error = b'{"errorMessage": "no", "errorType": "Broken"}'
    asked = {
        "InvocationType": "RequestResponse",
        "LogType": "None",
        "TenantId": "tenant",
        "ClientContext": base64.b64encode(b"{}").decode(),
    }
    _, events = answered(aws, pool, function, error, outcome="error", **asked)
    (end,) = events
    assert end["InvokeComplete"]["ErrorCode"] == "Unhandled"
    assert json.loads(end["InvokeComplete"]["ErrorDetails"])["errorMessage"] == "no"


def test_a_dry_run_only_looks(aws: Any, pool: PoolWorker, function: str) -> None:
    create_from_zip(aws, function, Runtime=RUNTIME)
    answer = aws.invoke_with_response_stream(
        FunctionName=function, InvocationType="DryRun", LogType="Tail"
    )
    answer["EventStream"].close()
    assert answer["StatusCode"] == 204


def test_what_cannot_be_streamed_is_refused(aws: Any, pool: PoolWorker, function: str) -> None:
    create_from_zip(aws, function, Runtime=RUNTIME, DurableConfig={"ExecutionTimeout": 60})
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="call Invoke"):
        aws.invoke_with_response_stream(FunctionName=f"{function}:$LATEST")
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.invoke_with_response_stream(FunctionName=f"{function}-missing")
    with pytest.raises(aws.exceptions.InvalidRequestContentException):
        aws.invoke_with_response_stream(FunctionName=function, Payload=b"{")
    with pytest.raises(aws.exceptions.RequestTooLargeException):
        aws.invoke_with_response_stream(FunctionName=function, Payload=b"1" * 7_000_000)
