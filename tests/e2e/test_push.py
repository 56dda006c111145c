"""Push targets: functions that the service calls by HTTP."""

from __future__ import annotations

import base64
import json
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Caller, story_of
from tests.support.cloudwatch import events_of, messages_of
from tests.support.emulator import PATH, Emulator, Handle, push_target
from tests.support.postgres import DatabaseServer
from tests.support.receiver import Receiver
from tests.support.service import running_service
from tests.support.waiting import eventually

CERTIFICATE = Path(__file__).parents[1] / "support" / "certificates" / "localhost.pem"


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator(lambda event: {"echo": event})
    with emulator.running():
        yield emulator


@pytest.fixture
def target(caller: Caller, emulator: Emulator) -> str:
    """A plain function that is served by the emulator."""
    return push_target(caller, emulator.url)


def test_a_target_without_a_path_is_called_as_the_emulator_wants_it(
    caller: Caller, emulator: Emulator, target: str
) -> None:
    assert caller.call(target, {"a": 1}).json == {"echo": {"a": 1}}
    assert emulator.paths == [PATH]


def test_a_target_with_a_path_is_called_there(caller: Caller, emulator: Emulator) -> None:
    name = push_target(caller, f"{emulator.url}/my/handler")
    assert caller.call(name, 1).json == {"echo": 1}
    assert emulator.paths == ["/my/handler"]


def test_an_error_of_a_target_is_a_function_error(
    caller: Caller, emulator: Emulator, target: str
) -> None:
    emulator.handle = _raise(ValueError("no"))
    answer = caller.call(target, {})
    assert answer.error == "Unhandled"
    assert answer.json["errorType"] == "ValueError"


HALF = "half \ud800 of a pair"
STRANGE = {"errorType": HALF, "errorMessage": f"{HALF}\0", "stackTrace": [HALF]}


def test_whatever_a_target_gives_as_its_error_can_be_stored(
    caller: Caller, emulator: Emulator, target: str
) -> None:
    emulator.handle = lambda _: STRANGE
    assert caller.call(target, {}).json["errorType"] == "half ? of a pair"
    emulator.handle = lambda _: {"errorType": "x" * 2_000_000, "errorMessage": "too much"}
    assert caller.call(target, {}).json["errorMessage"] == "too much"


def test_a_durable_target_is_called_again_whatever_it_gives_as_its_error(
    caller: Caller, emulator: Emulator
) -> None:
    emulator.handle = lambda _: STRANGE if emulator.calls == 1 else {"Status": "SUCCEEDED"}
    name = push_target(caller, emulator.url, DurableConfig={"ExecutionTimeout": 60})
    assert caller.call(f"{name}:$LATEST", {}).error is None
    assert emulator.calls == 2


def test_a_target_that_takes_too_long_is_given_up(caller: Caller, emulator: Emulator) -> None:
    released = threading.Event()
    emulator.handle = lambda _: released.wait(20)
    name = push_target(caller, emulator.url, Timeout=1)
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
    name = push_target(caller, emulator.url, DurableConfig={"ExecutionTimeout": 60})
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
    name = push_target(caller, emulator.url, DurableConfig={"ExecutionTimeout": 60})
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


def test_start_end_and_report_of_a_target_are_logged(caller: Caller, target: str) -> None:
    answer = caller.client.invoke(FunctionName=target, LogType="Tail", Payload=b"{}")
    start, end, report = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert start.startswith("START RequestId: ")
    assert end.startswith("END RequestId: ")
    assert report.startswith(f"REPORT RequestId: {end[15:]}\tDuration: ")
    eventually(lambda: len(messages_of(caller.url, f"/aws/lambda/{target}")) == 3)
    assert messages_of(caller.url, f"/aws/lambda/{target}") == [start, end, report]


def test_a_target_that_breaks_off_is_logged_in_json_if_asked(
    caller: Caller, emulator: Emulator
) -> None:
    emulator.handle = _raise(ConnectionAbortedError())
    logging = {"LogFormat": "JSON", "SystemLogLevel": "WARN", "LogGroup": f"own/{uuid.uuid4()}"}
    name = push_target(caller, emulator.url, LoggingConfig=logging)
    assert caller.call(name, {}).error == "Unhandled"
    eventually(lambda: len(events_of(caller.url, logging["LogGroup"])) == 2)
    events = events_of(caller.url, logging["LogGroup"])
    assert f"/{name}[$LATEST]" in events[0]["logStreamName"]
    report = json.loads(events[1]["message"])
    assert report["type"] == "platform.report"
    assert report["record"]["status"] == "error"


def test_a_target_gets_nothing_of_the_services_environment_and_no_cookie_back(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password secret\n")
    netrc.chmod(0o600)
    nobody = "http://somebody:secret@127.0.0.1:1"
    environment = {"NETRC": str(netrc), "SSL_CERT_FILE": str(CERTIFICATE)}
    environment |= dict.fromkeys(("HTTPS_PROXY", "https_proxy", "ALL_PROXY"), nobody)
    environment |= dict.fromkeys(("NO_PROXY", "no_proxy"), "")
    receiver = Receiver(certificate=CERTIFICATE)
    receiver.judge = lambda _: 200
    with (
        receiver.running(),
        database_server.clone(template_database) as url,
        running_service(tmp_path, database_url=url, environment=environment) as service,
    ):
        caller = Caller(service.url)
        name = push_target(caller, receiver.url)
        assert [caller.call(name, {}).error for _ in range(2)] == [None, None]
    assert len(receiver.received) == 2
    for request in receiver.received:
        assert {"authorization", "proxy-authorization", "cookie"}.isdisjoint(request.headers)
