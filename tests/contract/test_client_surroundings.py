"""Clients where programs are: in threads, on several loops, in forks, behind TLS and proxies."""

from __future__ import annotations

import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from perdure.aws import fast_client
from perdure.client import Client, ServiceUnreachable
from tests.contract.running_service import RunningService
from tests.support.processes import clean_environment

CERTIFICATE = Path(__file__).parents[1] / "support" / "certificates" / "localhost.pem"

SHARED_WITH_A_FORK = {
    "Client": """
        from perdure.client import Client
        client = Client(sys.argv[1], environment={})
        ask = lambda: list(client.functions.list())
        """,
    "fast_client": """
        from perdure.aws import fast_client
        client = fast_client(sys.argv[1])
        ask = lambda: client.get_durable_execution_state(
            DurableExecutionArn="arn:x", CheckpointToken="t")
        """,
}
FORK = """
ask()
child = os.fork()
ask()
if child:
    assert os.waitpid(child, 0)[1] == 0
else:
    os._exit(0)
"""


LOOPS = """
import asyncio, sys
from concurrent.futures import ThreadPoolExecutor
from perdure.client import AsyncClient

client = AsyncClient(sys.argv[1], environment={}, tries=1)

async def ask(times=1):
    for _ in range(times):
        assert [each async for each in client.functions.list()] == []

async def ask_at_once():
    await asyncio.gather(*(ask() for _ in range(20)))

async def ask_and_close():
    await ask()
    await client.close()

for work in (ask, ask_at_once, ask):
    asyncio.run(work())
with ThreadPoolExecutor(4) as threads:
    for done in [threads.submit(asyncio.run, ask(5)) for _ in range(8)]:
        done.result(60)
asyncio.run(ask_and_close())
try:
    asyncio.run(ask())
except RuntimeError as error:
    assert "has been closed" in str(error)
"""


def run_script(script: str, url: str) -> None:
    """In a process of its own, which nothing else forks, and whose loops leave nothing here."""
    command = [sys.executable, "-c", script, url]
    subprocess.run(command, check=True, env=clean_environment(), timeout=60)


class Service(ThreadingHTTPServer):
    """Answers everything with an empty object, and notes over which connections it was asked."""

    daemon_threads = True

    def __init__(self, tls: bool = False) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ports: list[int] = []
        if tls:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(CERTIFICATE)
            self.socket = context.wrap_socket(self.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that does not trust it hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service
    answer: ClassVar = b'{"Functions": [], "Operations": []}'

    def do_GET(self) -> None:
        self.server.ports.append(self.client_address[1])
        self.send_response(200)
        self.send_header("Content-Length", str(len(self.answer)))
        self.end_headers()
        self.wfile.write(self.answer)

    def log_message(self, format: str, *arguments: object) -> None:
        pass


@contextmanager
def serving(*, tls: bool = False) -> Iterator[Service]:
    with Service(tls) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def state_of(client: Any) -> dict[str, Any]:
    state: dict[str, Any] = client.get_durable_execution_state(
        DurableExecutionArn="arn:x", CheckpointToken="t"
    )
    return state


@pytest.mark.parametrize("kind", SHARED_WITH_A_FORK)
def test_a_fork_does_not_read_answers_to_its_parent(kind: str) -> None:
    lines = [line.strip() for line in SHARED_WITH_A_FORK[kind].strip().splitlines()]
    script = "\n".join(["import os, sys", *lines, FORK])
    with serving() as service:
        run_script(script, service.url)
        before, *after = service.ports
        assert len(set(after)) == 2, "parent and child share a connection"
        assert before in after


def test_a_client_for_coroutines_serves_one_loop_after_the_other_and_several_at_once() -> None:
    with serving() as service:
        run_script(LOOPS, service.url)
        assert len(service.ports) == 2 + 20 + 8 * 5 + 1


def test_a_client_is_shared_by_threads(service: RunningService) -> None:
    with Client(service.url, environment={}) as client, ThreadPoolExecutor(16) as threads:
        for done in [threads.submit(lambda: list(client.functions.list())) for _ in range(100)]:
            done.result(60)


def test_a_certificate_of_ones_own_is_trusted_where_aws_ca_bundle_names_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    trusting = {"AWS_CA_BUNDLE": str(CERTIFICATE)}
    with serving(tls=True) as service:
        with Client(service.url, environment=trusting, tries=1) as client:
            assert list(client.functions.list()) == []
        monkeypatch.setenv("AWS_CA_BUNDLE", str(CERTIFICATE))
        with closing(fast_client(service.url)) as fast:
            assert state_of(fast)["Operations"] == []


def test_a_certificate_that_nobody_trusts_is_told_with_what_to_set() -> None:
    with (
        serving(tls=True) as service,
        Client(service.url, environment={}, tries=1) as client,
        pytest.raises(ServiceUnreachable, match=r"(?i)self.signed.*AWS_CA_BUNDLE"),
    ):
        list(client.functions.list())


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
        monkeypatch.setenv(name.lower(), "http://127.0.0.1:1")
    with serving() as service, Client(service.url, environment={}, tries=1) as client:
        assert list(client.functions.list()) == []


def test_a_proxy_that_is_away_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    with (
        Client("http://perdure.example", environment={}, tries=1) as client,
        pytest.raises(ServiceUnreachable, match=r"by way of the proxy http://127\.0\.0\.1:1"),
    ):
        list(client.functions.list())
