"""Invoke in all its modes, by boto3."""

from __future__ import annotations

import base64
import json
import re
import uuid
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import RawWorker


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(4) as pool:
        yield pool


def invoke(
    pool: ThreadPoolExecutor, aws: Any, worker: RawWorker, **request: Any
) -> Future[dict[str, Any]]:
    """A synchronous call, waiting in the background; its payload is read."""

    def call() -> dict[str, Any]:
        answer = aws.invoke(FunctionName=f"{worker.function}:$LATEST", **request)
        return {**answer, "Payload": answer["Payload"].read()}

    return pool.submit(call)


def test_a_synchronous_call_is_answered_when_the_execution_closes(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    call = invoke(background, aws, worker, Payload=b' {"a" :1}', DurableExecutionName="first")
    delivered = worker.take()
    (execution,) = delivered.event["InitialExecutionState"]["Operations"]
    assert execution["ExecutionDetails"] == {"InputPayload": ' {"a" :1}'}
    assert delivered.header["FunctionArn"].endswith(f":{worker.function}:$LATEST")
    assert delivered.header["CodeSha256"] is None
    worker.succeed(delivered, '{"paid": true}')
    answer = call.result()
    assert answer["StatusCode"] == 200
    assert answer["Payload"] == b'{"paid": true}'
    assert answer["ExecutedVersion"] == "$LATEST"
    assert answer["DurableExecutionArn"] == delivered.arn
    assert "/durable-execution/first/" in delivered.arn
    assert "FunctionError" not in answer
    assert answer["ResponseMetadata"]["RequestId"]


def test_a_failed_execution_answers_200_with_a_function_error(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    call = invoke(background, aws, worker, InvocationType="RequestResponse")
    failed = {
        "Status": "FAILED",
        "Error": {"ErrorType": "ValueError", "ErrorMessage": "no", "StackTrace": ["line 1"]},
    }
    worker.finish(worker.take(), json.dumps(failed).encode())
    answer = call.result()
    assert (answer["StatusCode"], answer["FunctionError"]) == (200, "Unhandled")
    assert answer["DurableExecutionArn"]
    assert json.loads(answer["Payload"]) == {
        "errorMessage": "no",
        "errorType": "ValueError",
        "stackTrace": ["line 1"],
    }


def test_the_qualifier_may_stand_beside_the_name_and_logs_may_be_asked_for(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    for log_type in ("None", "Tail"):
        call = background.submit(
            aws.invoke, FunctionName=worker.function, Qualifier="$LATEST", LogType=log_type
        )
        worker.succeed(worker.take())
        answer = call.result()
        assert answer["Payload"].read() == b'"done"'
        assert answer["ExecutedVersion"] == "$LATEST"


def test_an_asynchronous_call_is_answered_at_once(aws: Any, worker: RawWorker) -> None:
    answer = aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    assert answer["StatusCode"] == 202
    assert answer["Payload"].read() == b""
    assert answer["DurableExecutionArn"] == worker.take().arn


def test_a_dry_run_checks_and_starts_nothing(aws: Any, worker: RawWorker) -> None:
    answer = aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="DryRun")
    assert answer["StatusCode"] == 204
    listed = aws.list_durable_executions_by_function(FunctionName=worker.function)
    assert listed["DurableExecutions"] == []
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.invoke(FunctionName=f"{worker.function}:9", InvocationType="DryRun")


def test_a_plain_function_gets_the_payload_itself_and_may_be_unqualified(
    aws: Any, http: httpx.Client, function: str, background: ThreadPoolExecutor
) -> None:
    worker = RawWorker(http, function)
    assert worker.register(DurableConfig=None).status_code == 200
    context = {"client": {"app_title": "é"}}
    call = background.submit(
        aws.invoke,
        FunctionName=function,
        Payload=b'"caf\xc3\xa9"',
        ClientContext=base64.b64encode(json.dumps(context).encode()).decode(),
        TenantId="blue",
    )
    delivered = worker.take()
    assert delivered.payload == b'"caf\xc3\xa9"'
    assert json.loads(delivered.header["ClientContext"]) == context
    assert delivered.header["TenantId"] == "blue"
    assert worker.finish(delivered, b"[1]").status_code == 202
    answer = call.result()
    assert answer["Payload"].read() == b"[1]"
    assert "DurableExecutionArn" not in answer


def test_no_payload_is_an_empty_object(
    aws: Any, http: httpx.Client, function: str, background: ThreadPoolExecutor
) -> None:
    worker = RawWorker(http, function)
    worker.register(DurableConfig=None)
    call = background.submit(aws.invoke, FunctionName=function)
    delivered = worker.take()
    assert delivered.payload == b"{}"
    worker.finish(
        delivered, b'{"errorType": "KeyError", "errorMessage": "\\ud800"}', outcome="error"
    )
    answer = call.result()
    assert answer["FunctionError"] == "Unhandled"
    assert json.loads(answer["Payload"].read()) == {"errorType": "KeyError", "errorMessage": "?"}


def test_a_durable_function_must_be_qualified(aws: Any, worker: RawWorker) -> None:
    with pytest.raises(aws.exceptions.InvalidParameterValueException) as caught:
        aws.invoke(FunctionName=worker.function)
    assert (
        caught.value.response["Error"]["Message"]
        == "You cannot invoke a durable function using an unqualified ARN."
    )


def test_a_name_starts_one_execution(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    request = {"DurableExecutionName": "order-7", "Payload": b'{"n": 7}'}
    calls = [invoke(background, aws, worker, **request) for _ in range(2)]
    worker.succeed(worker.take(), "7")
    first, second = (call.result() for call in calls)
    assert first["DurableExecutionArn"] == second["DurableExecutionArn"]
    assert first["Payload"] == second["Payload"] == b"7"
    later = invoke(background, aws, worker, **request).result()
    assert later["Payload"] == b"7"
    with pytest.raises(aws.exceptions.DurableExecutionAlreadyStartedException) as caught:
        invoke(background, aws, worker, DurableExecutionName="order-7", Payload=b"{}").result()
    error = caught.value.response
    assert error["ResponseMetadata"]["HTTPStatusCode"] == 409
    assert error["Error"]["Message"] == f"Execution already started: {first['DurableExecutionArn']}"


def test_a_call_that_the_sdk_repeats_is_the_same_call(
    http: httpx.Client, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    path = f"/2015-03-31/functions/{worker.function}:$LATEST/invocations"
    headers = {"amz-sdk-invocation-id": str(uuid.uuid4())}
    calls = [background.submit(http.post, path, headers=headers) for _ in range(2)]
    worker.succeed(worker.take())
    arns = {call.result().headers["x-amz-durable-execution-arn"] for call in calls}
    assert len(arns) == 1


@pytest.mark.parametrize(
    "address",
    [
        "{}:$LATEST",
        "{}%3A%24LATEST",
        "{}?Qualifier=$LATEST",
        "{}?Qualifier=%24LATEST",
        "000000000000:function:{}:$LATEST",
        "arn:aws:lambda:us-east-1:000000000000:function:{}:$LATEST",
        "arn%3Aaws%3Alambda%3Aus-east-1%3A000000000000%3Afunction%3A{}%3A%24LATEST",
    ],
)
def test_functions_are_addressed_raw_or_encoded(
    http: httpx.Client, worker: RawWorker, address: str
) -> None:
    name, _, query = address.format(worker.function).partition("?")
    answer = http.post(
        f"/2015-03-31/functions/{name}/invocations?{query}",
        headers={"X-Amz-Invocation-Type": "DryRun"},
    )
    assert answer.status_code == 204, answer.text


BAD_HEADERS = [
    ({"X-Amz-Invocation-Type": "Sometimes"}, "'invocationType' failed.*RequestResponse, DryRun"),
    ({"X-Amz-Durable-Execution-Name": "a b"}, "'durableExecutionName' failed.*regular expression"),
    ({"X-Amz-Durable-Execution-Name": "a" * 65}, "'durableExecutionName' failed.*equal to 64"),
    ({"X-Amz-Tenant-Id": "a|b"}, "'tenantId' failed"),
    ({"X-Amz-Log-Type": "Some"}, "'logType' failed"),
    ({"X-Amz-Client-Context": "e30"}, "valid Base64-encoded JSON object"),
    ({"X-Amz-Client-Context": "A" * 3_600}, "'clientContext' failed.*3583"),
]


@pytest.mark.parametrize(("headers", "message"), BAD_HEADERS, ids=range(len(BAD_HEADERS)))
def test_a_bad_header_is_refused(
    http: httpx.Client, worker: RawWorker, headers: dict[str, str], message: str
) -> None:
    path = f"/2015-03-31/functions/{worker.function}:$LATEST/invocations"
    answer = http.post(path, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
    assert re.search(message, answer.json()["message"])


@pytest.mark.parametrize(
    "payload",
    [b"{", b" ", b"\xff", b'"\\ud800"', b"NaN", b"{} {}", b"[" * 5_000 + b"]" * 5_000],
    ids=["cut", "blank", "not-utf8", "half-surrogate", "nan", "two", "deep"],
)
def test_a_payload_must_be_json(http: httpx.Client, worker: RawWorker, payload: bytes) -> None:
    path = f"/2015-03-31/functions/{worker.function}:$LATEST/invocations"
    answer = http.post(path, content=payload, headers={"X-Amz-Invocation-Type": "Event"})
    assert answer.status_code == 400
    assert answer.headers["x-amzn-errortype"] == "InvalidRequestContentException"
    assert answer.json()["message"].startswith("Could not parse request body into json: ")


def test_a_payload_over_the_limit_of_its_mode_is_refused(aws: Any, worker: RawWorker) -> None:
    for mode, limit in (("Event", 1_048_576), ("RequestResponse", 6_291_456)):
        with pytest.raises(aws.exceptions.RequestTooLargeException) as caught:
            aws.invoke(
                FunctionName=f"{worker.function}:$LATEST",
                InvocationType=mode,
                Payload=b'"%b"' % (b"a" * limit),
            )
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413
        assert str(limit) in caught.value.response["Error"]["Message"]
