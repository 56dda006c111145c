"""The testing kit does what the service does: the same handler on both, its histories compared
event by event, times and identities aside."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from perdure.testing import DurableTestRunner
from tests.support.caller import Caller, Event
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import running_worker

HANDLERS = Path(__file__).parent / "handlers" / "twins.py"
NAMES = ("sync_twin", "async_twin", "twin_child")
EVENT = {"of": [1, 2.5, None], "text": "green"}
_OTHER_EACH_TIME = frozenset({"EventTimestamp", "RequestId", "CallbackId", "DurableExecutionArn"})


@pytest.fixture(scope="module")
def twins() -> Iterator[ModuleType]:
    spec = spec_from_file_location("twins", HANDLERS)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["twins"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["twins"]


@pytest.fixture(scope="module")
def real(
    service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], list[Event]]]:
    """Runs the function of that name on the service; its history."""
    specs = [f"{name}={HANDLERS}:{name}" for name in NAMES]
    caller = Caller(service.url)
    with running_worker(tmp_path_factory.mktemp("twins"), service.url, specs):

        def run(name: str) -> list[Event]:
            arn = caller.start(f"{name}:$LATEST", EVENT)
            caller.client.send_durable_execution_callback_success(
                CallbackId=eventually(lambda: _callback_of(caller.history(arn)), 60),
                Result=b"yes",
            )
            caller.until_closed(arn, 60)
            return caller.history(arn)

        yield run


@pytest.mark.parametrize("name", ["sync_twin", "async_twin"])
def test_a_handler_has_the_same_history_in_the_kit_and_on_the_service(
    name: str, twins: ModuleType, real: Callable[[str], list[Event]]
) -> None:
    runner = DurableTestRunner()
    runner.register(twins.twin_child, "twin_child")
    execution = runner.run(getattr(twins, name), EVENT)
    execution.callback("approval").succeed("yes")
    assert execution.is_closed
    expected = [json.dumps(alike(event), indent=1) for event in real(name)]
    assert [json.dumps(alike(event), indent=1) for event in execution.history()] == expected


def alike(event: Event) -> Any:
    """What is the same in every run."""
    own = {event["Id"]: "its own"} if event["EventType"].startswith("Execution") else {}
    return _alike(event, own)


def _alike(value: Any, words: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: _alike(member, words)
            for key, member in sorted(value.items())
            if key not in _OTHER_EACH_TIME
            and not key.endswith("Timestamp")
            and key not in ("StackTrace", "ExecutionTimeout")
        }
    if isinstance(value, list):
        return [_alike(member, words) for member in value]
    return words.get(value, value) if isinstance(value, str) else value


def _callback_of(events: list[Event]) -> str | None:
    """Its id, once the function waits for it."""
    opened = [event for event in events if event["EventType"] == "CallbackStarted"]
    waits = opened and events[-1]["EventType"] == "InvocationCompleted"
    return str(opened[0]["CallbackStartedDetails"]["CallbackId"]) if waits else None
