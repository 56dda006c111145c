"""Bad input gets the model's code, its status and a message that helps. Nothing is written."""

from __future__ import annotations

import contextlib
import json
import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.contract.raw_worker import Delivered, RawWorker
from tests.contract.running_service import RunningService
from tests.support.waiting import eventually

INVALID = "InvalidParameterValueException"
STEP = {"Id": "a", "Type": "STEP", "Action": "START"}
NOBODY = (
    "arn:aws:lambda:us-east-1:000000000000:function:nobody:1"
    "/durable-execution/x/0197e0c3-2c40-7000-8000-000000000001"
)


@pytest.fixture
def taken(aws: Any, worker: RawWorker) -> Delivered:
    aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    return worker.take()


@pytest.fixture
def nothing_written(service: RunningService, worker: RawWorker, taken: Delivered) -> Iterator[None]:
    """Holds for the test: nothing about `taken` moves, and the service logs no traceback."""
    before, log_size = service.written(worker.function), service.log_size
    yield
    assert service.written(worker.function) == before
    assert "Traceback" not in "\n".join(service.log_after(log_size))


def assert_refused(answer: httpx.Response, status: int, code: str, message: str) -> None:
    assert answer.status_code == status, answer.text
    assert answer.headers["x-amzn-errortype"] == code
    assert answer.headers["x-amzn-requestid"]
    body = answer.json()
    assert body["Type"] == ("User" if status < 500 else "Service")
    (text,) = {"message", "Message"} & set(body)
    assert re.search(message, body[text], re.DOTALL), body


def checkpoint_body(taken: Delivered, *updates: Any, **members: Any) -> bytes:
    return json.dumps({"CheckpointToken": taken.token, "Updates": updates, **members}).encode()


CHECKPOINTS: list[tuple[str, Any, str]] = [
    ("empty", b"", "Could not parse request body into json: EOF"),
    ("cut", b'{"CheckpointToken": "', "Could not parse request body into json"),
    ("not an object", b"[]", r"Value '\[\]' at 'body' failed.*be an object"),
    ("no token", b"{}", "Value null at 'checkpointToken' failed.*not be null"),
    ("not utf-8", b'{"CheckpointToken": "\xff"}', "invalid unicode code point"),
    ("half surrogate", b'{"CheckpointToken": "\\ud800"}', "into json"),
    ("too deep", b"[" * 100_000, "recursion limit"),
    ("token of a wrong type", {"CheckpointToken": 5}, "'checkpointToken' failed.*be a string"),
    ("token that is no base64", {"CheckpointToken": "a b"}, r"pattern: \[A-Za-z0-9\+/\]\+=\{0,2\}"),
    ("client token", {"ClientToken": "a" * 65}, "'clientToken' failed.*equal to 64"),
    ("updates of a wrong type", {"Updates": {}}, "'updates' failed.*be a list"),
    ("update of a wrong type", {"Updates": [5]}, r"'updates.1.member' failed.*be an object"),
    (
        "two errors",
        {"Updates": [{**STEP, "Id": "", "Type": "NAP"}]},
        (
            r"^2 validation errors detected: Value '' at 'updates.1.member.id' failed to satisfy "
            r"constraint: Member must have length greater than or equal to 1; Value 'NAP' at "
            r"'updates.1.member.type' failed to satisfy constraint: Member must satisfy enum "
            r"value set: \[EXECUTION, CONTEXT, STEP, WAIT, CALLBACK, CHAINED_INVOKE\]$"
        ),
    ),
    ("action", {"Updates": [{**STEP, "Action": "JUMP"}]}, r"START, SUCCEED, FAIL, RETRY, CANCEL"),
    ("missing action", {"Updates": [{"Id": "a", "Type": "STEP"}]}, "null at 'updates.1.member.ac"),
    ("name", {"Updates": [{**STEP, "Name": "é"}]}, r"'updates.1.member.name'.*\[\\x20-\\x7E\]\+"),
    ("subtype", {"Updates": [{**STEP, "SubType": "a" * 33}]}, "subType' failed.*equal to 32"),
    ("wait of 0 s", {"Updates": [{"WaitOptions": {"WaitSeconds": 0}}]}, "greater than or equal to"),
    (
        "a number that is a text",
        {"Updates": [{**STEP, "StepOptions": {"NextAttemptDelaySeconds": "5"}}]},
        "'updates.1.member.stepOptions.nextAttemptDelaySeconds' failed.*be a whole number",
    ),
    (
        "a huge number",
        b'{"Updates": [{"WaitOptions": {"WaitSeconds": 1%b}}]}' % (b"0" * 500),
        "wait",
    ),
    ("too many", {"Updates": [STEP] * 10_001}, "'updates' failed.*equal to 10000"),
    ("secret", {"Updates": [{**STEP, "Payload": 5}]}, "^1 validation error detected: Value at 'up"),
    ("twice", {"Updates": [STEP, STEP]}, "Cannot checkpoint multiple operations with the same ID"),
    ("parent", {"Updates": [{**STEP, "ParentId": "b"}]}, "Invalid parent operation id."),
    ("transition", {"Updates": [{"Id": "w", "Type": "WAIT", "Action": "CANCEL"}]}, "Cannot cancel"),
    ("payload", {"Updates": [{**STEP, "Payload": "a" * 1_048_577}]}, "payload size must be less"),
]


@pytest.mark.parametrize(
    ("body", "message"), [case[1:] for case in CHECKPOINTS], ids=[case[0] for case in CHECKPOINTS]
)
@pytest.mark.usefixtures("nothing_written")
def test_a_bad_checkpoint_changes_nothing(
    http: httpx.Client, taken: Delivered, body: Any, message: str
) -> None:
    content = (
        body
        if isinstance(body, bytes)
        else json.dumps(body if body == {} else {"CheckpointToken": taken.token, **body}).encode()
    )
    answer = http.post(f"/2025-12-01/durable-executions/{taken.arn}/checkpoint", content=content)
    assert_refused(answer, 400, INVALID, message)


@pytest.mark.usefixtures("nothing_written")
def test_an_oversized_checkpoint_is_refused_before_it_is_read(
    http: httpx.Client, taken: Delivered
) -> None:
    path = f"/2025-12-01/durable-executions/{taken.arn}/checkpoint"
    answer = http.post(path, content=b" " * (39 * 1_048_576))
    assert_refused(answer, 413, "RequestTooLargeException", "at most 39845888 bytes")
    chunks = (b" " * 1_048_576 for _ in range(39))
    assert_refused(http.post(path, content=chunks), 413, "RequestTooLargeException", "at most")
    assert http.get("/health").status_code == 200


def test_the_largest_legal_payload_passes(http: httpx.Client, taken: Delivered) -> None:
    """The execution was started asynchronously: 1 MiB, each character spelled with six bytes."""
    close = {"Id": "r", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "\0" * 1_048_576}
    answer = http.post(
        f"/2025-12-01/durable-executions/{taken.arn}/checkpoint",
        content=checkpoint_body(taken, close),
    )
    assert answer.status_code == 200, answer.text


@pytest.mark.usefixtures("nothing_written")
def test_a_forged_stale_or_foreign_token_is_refused(http: httpx.Client, taken: Delivered) -> None:
    forged = taken.token[:-4] + ("AAA=" if not taken.token.endswith("AAA=") else "AAB=")
    invalid = "^Invalid checkpoint token$"
    for arn, token, message in (
        (taken.arn, forged, invalid),
        (taken.arn, "QUJD", invalid),
        (NOBODY, taken.token, "not valid for the durable execution ARN"),
        (NOBODY, "QUJD", invalid),
        ("nonsense", taken.token, "'nonsense' at 'durableExecutionArn'"),
        ("", taken.token, "'' at 'durableExecutionArn'"),
        (f"{taken.arn}/", taken.token, "Value .* at 'durableExecutionArn'"),
    ):
        path = f"/2025-12-01/durable-executions/{arn}"
        answer = http.post(f"{path}/checkpoint", json={"CheckpointToken": token})
        assert_refused(answer, 400, INVALID, message)
        answer = http.get(f"{path}/state", params={"CheckpointToken": token})
        assert_refused(answer, 400, INVALID, message)


def test_a_used_token_is_stale(http: httpx.Client, taken: Delivered) -> None:
    path = f"/2025-12-01/durable-executions/{taken.arn}/checkpoint"
    assert http.post(path, json={"CheckpointToken": taken.token}).status_code == 200
    answer = http.post(path, json={"CheckpointToken": taken.token})
    assert_refused(answer, 400, INVALID, "^Invalid checkpoint token$")


@pytest.mark.parametrize("safe", ["/:$", ":$", "/$", ""])
def test_arns_are_taken_raw_and_encoded(http: httpx.Client, taken: Delivered, safe: str) -> None:
    path = f"/2025-12-01/durable-executions/{quote(taken.arn, safe=safe)}"
    token = {"CheckpointToken": taken.token}
    query = f"CheckpointToken={quote(taken.token, safe='+/=' if safe else '')}"
    for answer in (
        http.get(path),
        http.get(f"{path}/history"),
        http.get(f"{path}/state?{query}"),
        http.post(f"{path}/checkpoint", json=token),
        http.post(f"{path}/stop"),
    ):
        assert answer.status_code == 200, answer.text


UNKNOWN_EXECUTION = [("GET", ""), ("GET", "/history"), ("POST", "/stop")]


@pytest.mark.parametrize(("method", "verb"), UNKNOWN_EXECUTION)
@pytest.mark.usefixtures("nothing_written")
def test_an_unknown_execution_is_not_found(http: httpx.Client, method: str, verb: str) -> None:
    answer = http.request(method, f"/2025-12-01/durable-executions/{NOBODY}{verb}")
    assert_refused(answer, 404, "ResourceNotFoundException", "^Durable Execution does not exist")


def test_an_arn_with_another_function_or_name_is_not_found(
    http: httpx.Client, taken: Delivered
) -> None:
    other = taken.arn.replace(":function:f-", ":function:g-")
    assert http.get(f"/2025-12-01/durable-executions/{other}").status_code == 404


QUERIES = [
    ("/state", "", "null at 'checkpointToken'"),
    ("/state", "CheckpointToken=QUJD&MaxItems=1001", "'maxItems' failed.*equal to 1000"),
    ("/state", "CheckpointToken=QUJD&MaxItems=many", "'maxItems' failed.*be a whole number"),
    ("/state", "CheckpointToken=%zz", "Broken percent-encoding"),
    ("/history", "MaxItems=-1", "'maxItems' failed.*equal to 0"),
    ("/history", "Marker=QUJD", "Invalid marker: use the NextMarker"),
    ("/history", "ReverseOrder=perhaps", "'reverseOrder' failed.*be true or false"),
    ("/history", "IncludeExecutionData=%f", "percent-encoded"),
    ("", "IncludeExecutionData=2", "'includeExecutionData' failed"),
]


@pytest.mark.parametrize(("verb", "query", "message"), QUERIES, ids=range(len(QUERIES)))
@pytest.mark.usefixtures("nothing_written")
def test_a_bad_query_is_refused(
    http: httpx.Client, taken: Delivered, verb: str, query: str, message: str
) -> None:
    answer = http.get(f"/2025-12-01/durable-executions/{taken.arn}{verb}?{query}")
    assert_refused(answer, 400, INVALID, message)


LISTS = [
    ("Statuses=GONE", "'statuses.1.member' failed.*RUNNING"),
    ("&".join(["Statuses=RUNNING"] * 11), "'statuses' failed.*equal to 10"),
    ("StartedAfter=soon", "'startedAfter' failed.*ISO-8601"),
    ("DurableExecutionName=a%20b", "'durableExecutionName' failed"),
    ("Qualifier=a%20b", "'qualifier' failed"),
    ("Marker=AAAA", "Invalid marker"),
]


@pytest.mark.parametrize(("query", "message"), LISTS, ids=range(len(LISTS)))
def test_a_bad_list_is_refused(
    http: httpx.Client, worker: RawWorker, query: str, message: str
) -> None:
    answer = http.get(f"/2025-12-01/functions/{worker.function}/durable-executions?{query}")
    assert_refused(answer, 400, INVALID, message)


UNKNOWN = [
    ("GET", "/nothing"),
    ("GET", "/2025-12-01/durable-executions"),
    ("PUT", f"/2025-12-01/durable-executions/{NOBODY}"),
    ("GET", f"/2025-12-01/durable-executions/{NOBODY}/checkpoint"),
    ("GET", f"/2025-12-01/durable-executions/{NOBODY}/pause"),
    ("DELETE", f"/2025-12-01/durable-executions/{NOBODY}/stop"),
    ("POST", "/2014-11-13/functions/order/invoke-async"),
    ("PATCH", "/2015-03-31/functions/order"),
    ("PATCH", "/v1/workers"),
    ("POST", "/v1/workers/a/b/c"),
]


@pytest.mark.parametrize(("method", "path"), UNKNOWN)
@pytest.mark.usefixtures("nothing_written")
def test_an_unknown_operation_is_404(http: httpx.Client, method: str, path: str) -> None:
    answer = http.request(method, path)
    assert_refused(answer, 404, "UnknownOperationException", re.escape(method))


@pytest.mark.parametrize("path", ["/2025-12-01/durable-executions/%zz", "/v1/executions/a%2"])
def test_a_broken_percent_encoding_is_refused(service: RunningService, path: str) -> None:
    head, body = exchange(service, f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    assert head.startswith("HTTP/1.1 400")
    assert "Broken percent-encoding" in json.loads(body)["message"]


@pytest.mark.parametrize(
    "body",
    [b"[]", b"{", b'{"ErrorType": 5}', b'{"StackTrace": "no list"}', b'{"ErrorData": "\\udfff"}'],
)
@pytest.mark.usefixtures("nothing_written")
def test_an_error_object_must_be_one(http: httpx.Client, taken: Delivered, body: bytes) -> None:
    answer = http.post(f"/2025-12-01/durable-executions/{taken.arn}/stop", content=body)
    assert_refused(answer, 400, INVALID, "into json|failed to satisfy constraint")


WORKER_CALLS = [
    ("POST", "/v1/workers", b"{}", "^7 validation errors|^5 validation errors"),
    ("POST", "/v1/workers", b'{"WorkerId": "me"}', "'workerId' failed"),
    ("POST", "/v1/workers/me/poll", b"{}", "'me' is not a worker id"),
    ("POST", "/v1/workers/{}/poll", b'{"Free": {"f": -1}}', "'free.f' failed.*equal to 0"),
    ("POST", "/v1/workers/{}/heartbeat", b'{"Held": ["x"]}', "'held.1.member' failed"),
    ("POST", "/v1/workers/{}/invocations/x/result", b"", "Unknown Perdure-Outcome"),
    ("DELETE", "/v1/workers/me", b"", "'me' is not a worker id"),
]


@pytest.mark.parametrize(
    ("method", "path", "body", "message"), WORKER_CALLS, ids=range(len(WORKER_CALLS))
)
@pytest.mark.usefixtures("nothing_written")
def test_a_bad_call_of_a_worker_is_refused(
    http: httpx.Client, worker: RawWorker, method: str, path: str, body: bytes, message: str
) -> None:
    answer = http.request(method, path.format(worker.id), content=body)
    assert_refused(answer, 400, INVALID, message)


def test_an_unknown_worker_is_told_to_register(http: httpx.Client, function: str) -> None:
    stranger = RawWorker(http, function)
    answer = stranger.heartbeat()
    assert_refused(answer, 404, "ResourceNotFoundException", "register")


def test_a_refusal_is_one_line_of_the_log(
    service: RunningService, http: httpx.Client, taken: Delivered
) -> None:
    def lines() -> list[str]:
        return [line for line in service.log_after(before) if taken.arn in line]

    before = service.log_size
    path = f"/2025-12-01/durable-executions/{taken.arn}/checkpoint"
    http.post(path, json={"CheckpointToken": "a\nb"})
    (line,) = eventually(lines)
    assert "400 InvalidParameterValueException" in line
    assert r"a\nb" in line


class TestBrokenConnections:
    """Bodies cut short, over a raw socket."""

    @pytest.mark.usefixtures("nothing_written")
    def test_a_body_cut_short_is_dropped(
        self, service: RunningService, http: httpx.Client, taken: Delivered
    ) -> None:
        whole = checkpoint_body(taken, STEP)
        head = (
            f"POST /2025-12-01/durable-executions/{taken.arn}/checkpoint HTTP/1.1\r\n"
            f"Host: x\r\nContent-Length: {len(whole)}\r\n\r\n"
        ).encode()
        for cut in (whole[:-1], whole[:10], b""):
            with connection(service) as client:
                client.sendall(head + cut)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
        assert http.get("/health").status_code == 200

    @pytest.mark.usefixtures("nothing_written")
    def test_a_length_that_is_too_short_leaves_broken_json(
        self, service: RunningService, taken: Delivered
    ) -> None:
        whole = checkpoint_body(taken, STEP)
        head = (
            f"POST /2025-12-01/durable-executions/{taken.arn}/checkpoint HTTP/1.1\r\n"
            f"Host: x\r\nContent-Length: {len(whole) - 1}\r\nConnection: close\r\n\r\n"
        ).encode()
        answer, body = exchange(service, head + whole[:-1])
        assert answer.startswith("HTTP/1.1 400")
        assert "into json" in json.loads(body)["message"]

    def test_what_is_not_http_is_refused(self, service: RunningService) -> None:
        answer, _ = exchange(service, b"hello\r\n\r\n")
        assert answer.startswith("HTTP/1.1 400")

    def test_a_caller_who_hangs_up_leaves_the_execution_running(
        self, service: RunningService, aws: Any, worker: RawWorker
    ) -> None:
        with connection(service) as client:
            client.sendall(
                f"POST /2015-03-31/functions/{worker.function}:$LATEST/invocations HTTP/1.1\r\n"
                "Host: x\r\nContent-Length: 0\r\n\r\n".encode()
            )
            delivered = worker.take()
        worker.succeed(delivered)
        assert aws.get_durable_execution(DurableExecutionArn=delivered.arn)["Status"] == "SUCCEEDED"


@contextlib.contextmanager
def connection(service: RunningService) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=10) as client:
        yield client


def exchange(service: RunningService, request: bytes) -> tuple[str, bytes]:
    """The head and the body of the answer to raw bytes."""
    with connection(service) as client:
        client.sendall(request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += client.recv(65_536)
        head, _, body = answer.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        while length is not None and len(body) < int(length[1]):
            body += client.recv(65_536)
        return head.decode(), body
