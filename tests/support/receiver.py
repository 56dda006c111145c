"""Somebody who receives dead letters and the like: a small server that keeps what it was sent."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.support.waiting import eventually


@dataclass(frozen=True, slots=True)
class Received:
    """`headers` by their names in lower case."""

    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def execution(self) -> str:
        return self.headers["x-perdure-dead-letter-id"]


class Receiver:
    """Answers each request with the status that `judge` gives it; by TLS if there is a
    certificate."""

    def __init__(self, port: int = 0, *, certificate: Path | None = None) -> None:
        self.judge: Callable[[Received], int] = lambda _: 204
        self.received: list[Received] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Received(self.path, headers, body)
                receiver.received.append(request)
                status = receiver.judge(request)
                with suppress(ConnectionError):  # the service has given up
                    self.send_response(status)
                    if 300 <= status < 400:
                        self.send_header("location", f"{receiver.url}/elsewhere")
                    self.send_header("set-cookie", "session=1")
                    self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        self._scheme, self._host = "http", "127.0.0.1"
        if certificate is not None:
            self._scheme, self._host = "https", "localhost"
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(certificate)
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)

    @property
    def port(self) -> int:
        return self._server.server_port

    @property
    def url(self) -> str:
        return f"{self._scheme}://{self._host}:{self.port}"

    def of(self, execution_id: str) -> list[Received]:
        """What came for one execution, in order."""
        return [request for request in self.received if request.execution == execution_id]

    def until_received(
        self, execution_id: str, count: int = 1, timeout_seconds: float = 30
    ) -> list[Received]:
        eventually(lambda: len(self.of(execution_id)) >= count, timeout_seconds)
        return self.of(execution_id)

    @contextmanager
    def running(self) -> Iterator[Receiver]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield self
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()
