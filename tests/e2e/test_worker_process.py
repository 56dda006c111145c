"""`perdure worker` in the hands of people and machines: signals, and a disk that is full."""

from __future__ import annotations

import os
import resource
import signal
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from tests.support.caller import Caller
from tests.support.code import zip_of
from tests.support.languages import ROLE
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import WorkerProcess, running_worker

RUNTIME = f"python3.{sys.version_info.minor}"
CODE = """
import os, time
from pathlib import Path


def handler(event, context):
    Path(event["started"]).touch()
    while not Path(event["until"]).exists():
        time.sleep(0.005)
    return "finished"
"""


@pytest.fixture
def function() -> str:
    return f"signalled-{uuid.uuid4().hex[:8]}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "code" / "app.py"
    file.parent.mkdir()
    file.write_text(CODE)
    return file


@pytest.fixture
def worker(
    service: ServiceProcess, tmp_path: Path, function: str, file: Path
) -> Iterator[WorkerProcess]:
    options = ["--plain", function, "--grace", "600"]
    specs = [f"{function}={file}:handler"]
    with running_worker(tmp_path, service.url, specs, options=options) as worker:
        yield worker


def test_ctrl_c_in_a_terminal_lets_what_runs_finish(
    service: ServiceProcess, worker: WorkerProcess, tmp_path: Path, function: str
) -> None:
    event = {"started": str(tmp_path / "started"), "until": str(tmp_path / "until")}
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(Caller(service.url).call, function, event)
        eventually((tmp_path / "started").exists, 30)
        os.killpg(worker.pid, signal.SIGINT)  # as a terminal does: to all in its foreground
        eventually(lambda: "waiting for 1 to finish; once more to stop at once" in worker.output)
        (tmp_path / "until").touch()
        assert calling.result().json == "finished"
    assert worker.ended() == 0


def test_a_second_signal_ends_what_runs_at_once(
    service: ServiceProcess, worker: WorkerProcess, tmp_path: Path, function: str
) -> None:
    event = {"started": str(tmp_path / "started"), "until": str(tmp_path / "until")}
    with ThreadPoolExecutor(1) as threads:
        calling = threads.submit(Caller(service.url).call, function, event)
        eventually((tmp_path / "started").exists, 30)
        worker.signal(signal.SIGTERM)
        eventually(lambda: "once more to stop at once" in worker.output)
        worker.signal(signal.SIGTERM)
        answer = calling.result()
    assert (answer.error, answer.json["errorType"]) == ("Unhandled", "Runtime.ExitError")
    assert worker.ended() == 0


def test_a_full_disk_is_named_and_when_there_is_room_again_all_is_well(
    service: ServiceProcess, tmp_path: Path, function: str
) -> None:
    caller = Caller(service.url)
    code: dict[str, str | bytes] = {
        "app.py": "def handler(event, context): return 'well'\n",
        "data": os.urandom(200_000),
    }
    caller.client.create_function(
        FunctionName=function,
        Runtime=RUNTIME,
        Role=ROLE,
        Handler="app.handler",
        Code={"ZipFile": zip_of(code)},
    )
    options = ["--pool", RUNTIME]
    with running_worker(tmp_path, service.url, [], options=options) as worker:
        process = psutil.Process(worker.pid)
        before = process.rlimit(resource.RLIMIT_FSIZE)
        process.rlimit(resource.RLIMIT_FSIZE, (100_000, before[1]))
        answer = caller.call(function)
        assert answer.json["errorType"] == "Runtime.CodeUnavailable"
        assert (
            "The code cannot be unpacked: [Errno 27] File too large" in answer.json["errorMessage"]
        )
        assert list((tmp_path / "cache").glob("*.use")) == []
        process.rlimit(resource.RLIMIT_FSIZE, before)
        assert caller.call(function).json == "well"
