"""Our SDK under Lambda's own runtime client: over its own connection, and over a boto3 client."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.service import ServiceProcess
from tests.support.worker import running_worker

HANDLERS = Path(__file__).parent / "handlers" / "transports.py"
NAMES = ("over_boto3", "over_our_own", "coroutine")


@pytest.fixture(scope="module")
def runtime(service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    specs = [f"{name}={HANDLERS}:{name}" for name in NAMES]
    with running_worker(tmp_path_factory.mktemp("transports"), service.url, specs):
        yield Caller(service.url)


@pytest.mark.parametrize("function", ["over_boto3", "over_our_own"])
def test_a_state_of_several_pages_comes_over_either_way(runtime: Caller, function: str) -> None:
    answer = runtime.call(f"{function}:$LATEST", {"a": 1})
    assert answer.error is None, answer.body
    attempt, length, event, time = answer.json
    assert (attempt, length, event) == (1, 6_000_000, {"a": 1})
    assert answer.arn is not None
    ended = [
        each["EventTimestamp"]
        for each in runtime.history(answer.arn)
        if each["EventType"] == "WaitSucceeded"
    ]
    assert abs((datetime.fromisoformat(time) - ended[-1]).total_seconds()) < 0.001


def test_a_coroutine_runs_under_the_runtime_client(runtime: Caller) -> None:
    answer = runtime.call("coroutine:$LATEST", "event")
    assert answer.json == [1, 2, "event"]
