"""perdure.aws.fast_client when what is between it and the service, or the service, fails: what is
repeated, what AWS's SDK is told, and that it is told soon."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from aws_durable_execution_sdk_python.exceptions import CheckpointError
from aws_durable_execution_sdk_python.lambda_service import LambdaClient
from botocore.exceptions import ClientError

from perdure.aws import fast_client

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/id"
GOOD = {"CheckpointToken": "next", "NewExecutionState": {"Operations": []}}

Failure = int | str
"""A status, or what becomes of the connection."""


class FailingService(ThreadingHTTPServer):
    """Fails as it was told, one request after the other, and then answers."""

    daemon_threads = True

    def __init__(self, failures: list[Failure], refusal: dict[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.failures = failures
        self.refusal = refusal
        self.bodies: list[dict[str, Any]] = []
        self.authorisations: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """The connection was broken on purpose."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FailingService

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.bodies.append(json.loads(body))
        self.server.authorisations.append(self.headers["Authorization"])
        match self.server.failures.pop(0) if self.server.failures else 200:
            case 200:
                self._answer(200, json.dumps(GOOD).encode())
            case int(status):
                self._answer(status, json.dumps(self.server.refusal).encode())
            case "reset":
                self.close_connection = True
            case "half":
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                self.wfile.write(b'{"Check')
                self.close_connection = True
            case "html":
                self._answer(200, b"<html>Please log in</html>")

    def _answer(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def failing(*failures: Failure, **refusal: str) -> Iterator[FailingService]:
    with FailingService(list(failures), refusal) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def checkpoint(client: Any, updates: Any = ()) -> dict[str, Any]:
    answer: dict[str, Any] = client.checkpoint_durable_execution(
        DurableExecutionArn=ARN, CheckpointToken="t", Updates=updates
    )
    return answer


@pytest.mark.parametrize("failure", [429, 500, 502, 503, 504, "reset", "half"])
def test_what_passes_is_repeated_with_the_same_client_token(failure: Failure) -> None:
    with failing(failure, failure) as service, closing(fast_client(service.url)) as client:
        answer = checkpoint(client)
        assert answer["CheckpointToken"] == "next"
        assert answer["ResponseMetadata"]["RetryAttempts"] >= 1
    assert len(service.bodies) == 3
    assert len({body["ClientToken"] for body in service.bodies}) == 1


@pytest.mark.parametrize(
    ("status", "code"),
    [(403, "ExpiredTokenException"), (400, "InvalidParameterValueException")],
)
def test_a_refusal_is_told_at_once(status: int, code: str) -> None:
    refusal = {"__type": code, "message": "no"}
    with (
        failing(status, status, **refusal) as service,
        closing(fast_client(service.url)) as client,
        pytest.raises(ClientError) as told,
    ):
        checkpoint(client)
    assert told.value.response["Error"] == {"Code": code, "Message": "no"}
    assert len(service.bodies) == 1


def test_an_answer_of_something_else_fails_the_invocation_and_not_the_execution() -> None:
    with (
        failing("html") as service,
        closing(fast_client(service.url)) as client,
        pytest.raises(CheckpointError) as told,
    ):
        LambdaClient(client).checkpoint(ARN, "t", [], None)
    assert told.value.is_retryable()


def test_a_large_payload_arrives_whole_also_when_it_is_repeated() -> None:
    payload = "ü" * (3 * 1024 * 1024)
    update = {"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": payload}
    with failing("reset", 503) as service, closing(fast_client(service.url)) as client:
        checkpoint(client, [update])
    assert [body["Updates"][0]["Payload"] == payload for body in service.bodies] == [True] * 3


def test_a_bearer_token_goes_with_every_repetition() -> None:
    with (
        failing(503) as service,
        closing(fast_client(service.url, bearer_token="the token")) as client,
    ):
        checkpoint(client)
    assert service.authorisations == ["Bearer the token"] * 2
