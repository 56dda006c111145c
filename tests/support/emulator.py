"""A container with Lambda's runtime emulator, played by a small HTTP server."""

from __future__ import annotations

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.support.caller import Caller

PATH = "/2015-03-31/functions/function/invocations"
Handle = Callable[[Any], Any]


class Emulator:
    """Answers invocations with what `handle` returns; its exceptions as the emulator does."""

    def __init__(self, handle: Handle) -> None:
        self.handle = handle
        self.paths: list[str] = []
        self.calls = 0
        emulator = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                emulator.paths.append(self.path)
                emulator.calls += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                try:
                    answer = emulator.handle(json.loads(body))
                except ConnectionAbortedError:
                    self.close_connection = True
                    return
                except Exception as error:
                    answer = {"errorType": type(error).__name__, "errorMessage": str(error)}
                raw = json.dumps(answer).encode()
                with suppress(ConnectionError):  # the service has given up
                    self.send_response(200)
                    self.send_header("content-length", str(len(raw)))
                    self.end_headers()
                    self.wfile.write(raw)

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield
        finally:
            self._server.shutdown()
            thread.join()
            self._server.server_close()


def push_target(caller: Caller, uri: str, **arguments: Any) -> str:
    """A new function that is served at `uri`; its name."""
    name = f"pushed-{uuid.uuid4().hex[:8]}"
    caller.client.create_function(
        FunctionName=name,
        PackageType="Image",
        Code={"ImageUri": uri},
        Role="arn:aws:iam::000000000000:role/any",
        **{"Timeout": 20, **arguments},
    )
    return name
