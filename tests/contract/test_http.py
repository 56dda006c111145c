"""HTTP as proxies, old clients and slow readers speak it, where answers leave in one piece."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from http.client import HTTPResponse

import httpx
import pytest

from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService

_LARGE = b'"' + 5 * 1_048_576 * b"x" + b'"'


@pytest.fixture
def client(service: RunningService) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", service.port), timeout=20) as client:
        yield client


@pytest.fixture
def plain_worker(http: httpx.Client, function: str) -> RawWorker:
    """Its function answers with the bytes that the worker reports."""
    worker = RawWorker(http, function)
    assert worker.register(DurableConfig=None).status_code == 200
    return worker


def invocation(
    worker: RawWorker, *headers: str, version: str = "1.1", body: bytes = b"{}"
) -> bytes:
    target = f"/2015-03-31/functions/{worker.function}/invocations"
    lines = (f"POST {target} HTTP/{version}", "Host: x", f"Content-Length: {len(body)}", *headers)
    return "\r\n".join((*lines, "", "")).encode() + body


def next_answer(client: socket.socket) -> tuple[HTTPResponse, bytes]:
    answer = HTTPResponse(client)
    answer.begin()
    return answer, answer.read()


def run(worker: RawWorker, result: bytes) -> None:
    assert worker.finish(worker.take(), result).status_code == 202


def test_requests_in_a_row_are_answered_in_their_order(
    client: socket.socket, plain_worker: RawWorker
) -> None:
    client.sendall(invocation(plain_worker) + invocation(plain_worker))
    stream = client.makefile("rb")
    for result in (b'"one"', b'"two"'):
        run(plain_worker, result)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += stream.readline()
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert stream.read(len(result)) == result


def test_a_client_that_reads_late_gets_all_of_it(
    client: socket.socket, plain_worker: RawWorker
) -> None:
    client.sendall(invocation(plain_worker) + invocation(plain_worker))
    run(plain_worker, _LARGE)
    run(plain_worker, _LARGE)
    stream = client.makefile("rb")
    for _ in range(2):
        while stream.readline() != b"\r\n":
            pass
        assert stream.read(len(_LARGE)) == _LARGE


@pytest.mark.parametrize(
    ("version", "headers"), [("1.1", ["Connection: close"]), ("1.0", [])], ids=["asked", "http-1.0"]
)
def test_a_client_that_stays_for_one_answer_sees_the_end_of_it(
    client: socket.socket, plain_worker: RawWorker, version: str, headers: list[str]
) -> None:
    client.sendall(invocation(plain_worker, *headers, version=version))
    run(plain_worker, b'"last"')
    answer, body = next_answer(client)
    assert (answer.status, answer.getheader("connection"), body) == (200, "close", b'"last"')
    assert client.recv(1) == b""


def test_a_connection_is_kept_for_the_next_request(
    client: socket.socket, plain_worker: RawWorker
) -> None:
    for result in (b'"one"', b'"two"'):
        client.sendall(invocation(plain_worker))
        run(plain_worker, result)
        answer, body = next_answer(client)
        assert (answer.getheader("connection"), body) == (None, result)


def test_a_client_that_asks_before_it_sends_is_told_to_go_on(
    client: socket.socket, plain_worker: RawWorker
) -> None:
    request = invocation(plain_worker, "Expect: 100-continue")
    head, body = request[:-2], request[-2:]
    client.sendall(head)
    assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(body)
    run(plain_worker, b'"done"')
    assert next_answer(client)[1] == b'"done"'


def test_a_proxy_may_name_the_whole_url(client: socket.socket, plain_worker: RawWorker) -> None:
    whole = invocation(plain_worker).replace(b"POST /", b"POST http://lambda.local/")
    client.sendall(whole)
    run(plain_worker, b'"done"')
    assert next_answer(client)[1] == b'"done"'
    client.sendall(b"GET http://lambda.local/health?x=1#y HTTP/1.1\r\nHost: x\r\n\r\n")
    assert next_answer(client)[0].status == 200
