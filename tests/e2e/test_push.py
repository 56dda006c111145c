"""Push targets: functions that the service calls by HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.caller import Caller, story_of
from tests.support.emulator import PATH, Emulator, Handle, push_target


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
