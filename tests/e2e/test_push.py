"""Push targets: a container with Lambda's runtime emulator, played by a small HTTP server."""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.support.caller import Caller, story_of

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


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator(lambda event: {"echo": event})
    with emulator.running():
        yield emulator


@pytest.fixture
def target(caller: Caller, emulator: Emulator) -> str:
    """A plain function that is served by the emulator."""
    return _create(caller, emulator.url)


def _create(caller: Caller, uri: str, **arguments: Any) -> str:
    name = f"pushed-{uuid.uuid4().hex[:8]}"
    caller.client.create_function(
        FunctionName=name,
        PackageType="Image",
        Code={"ImageUri": uri},
        Role="arn:aws:iam::000000000000:role/any",
        **{"Timeout": 20, **arguments},
    )
    return name


def test_a_target_without_a_path_is_called_as_the_emulator_wants_it(
    caller: Caller, emulator: Emulator, target: str
) -> None:
    assert caller.call(target, {"a": 1}).json == {"echo": {"a": 1}}
    assert emulator.paths == [PATH]


def test_a_target_with_a_path_is_called_there(caller: Caller, emulator: Emulator) -> None:
    name = _create(caller, f"{emulator.url}/my/handler")
    assert caller.call(name, 1).json == {"echo": 1}
    assert emulator.paths == ["/my/handler"]


def test_an_error_of_a_target_is_a_function_error(
    caller: Caller, emulator: Emulator, target: str
) -> None:
    emulator.handle = _raise(ValueError("no"))
    answer = caller.call(target, {})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "ValueError"


def test_a_target_that_takes_too_long_is_given_up(caller: Caller, emulator: Emulator) -> None:
    released = threading.Event()
    emulator.handle = lambda _: released.wait(20)
    name = _create(caller, emulator.url, Timeout=1)
    begun = time.monotonic()
    answer = caller.call(name, {})
    released.set()
    assert answer.json["errorType"] == "Sandbox.Timedout"
    assert 1 <= time.monotonic() - begun < 10


def test_a_durable_target_suspends_and_is_called_again(caller: Caller, emulator: Emulator) -> None:
    def handle(event: Any) -> Any:
        known = event["InitialExecutionState"]["Operations"]
        if len(known) > 1:
            return {"Status": "SUCCEEDED", "Result": json.dumps(known[1]["Status"])}
        wait = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}
        caller.client.checkpoint_durable_execution(
            DurableExecutionArn=event["DurableExecutionArn"],
            CheckpointToken=event["CheckpointToken"],
            Updates=[wait],
        )
        return {"Status": "PENDING"}

    emulator.handle = handle
    name = _create(caller, emulator.url, DurableConfig={"ExecutionTimeout": 60})
    answer = caller.call(f"{name}:$LATEST", {})
    assert answer.json == "SUCCEEDED"
    assert emulator.calls == 2


def test_a_durable_target_that_breaks_off_is_called_again(
    caller: Caller, emulator: Emulator
) -> None:
    def handle(_: Any) -> Any:
        if emulator.calls < 3:
            raise ConnectionAbortedError
        return {"Status": "SUCCEEDED", "Result": '"at last"'}

    emulator.handle = handle
    name = _create(caller, emulator.url, DurableConfig={"ExecutionTimeout": 60})
    answer = caller.call(f"{name}:$LATEST", {})
    assert answer.json == "at last"
    assert answer.arn is not None
    history = caller.history(answer.arn)
    assert story_of(history).count("InvocationCompleted") == 3
    errors = [
        event["InvocationCompletedDetails"]["Error"]["Payload"]["ErrorType"]
        for event in history
        if "Error" in event.get("InvocationCompletedDetails", {})
    ]
    assert errors == ["Runtime.ExitError"] * 2


def _raise(error: Exception) -> Handle:
    def handle(_: Any) -> Any:
        raise error

    return handle
