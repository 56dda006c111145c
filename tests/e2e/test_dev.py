"""`perdure dev` as a person uses it: one command, one folder of state."""

from __future__ import annotations

import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
import pytest

from tests.support.caller import Caller, names_of
from tests.support.code import zip_of
from tests.support.postgres import copy_data_folder
from tests.support.processes import LoggedProcess
from tests.support.waiting import eventually
from tests.support.worker import PERDURE

CODE = """
from aws_durable_execution_sdk_python import durable_execution

TEXT = "first"


@durable_execution
def handler(event, context):
    before = context.step(lambda _: TEXT, name="before")
    opened = context.create_callback(name="signal")
    print("the callback is", opened.callback_id)
    if event.get("wait"):
        opened.result()
    return [before, context.step(lambda _: TEXT, name="after")]
"""


class Dev(LoggedProcess):
    """`perdure dev greet/app.py --data "some state"`."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.app = folder / "greet" / "app.py"
        command = [str(PERDURE), "dev", "greet/app.py", "--data", "some state", *options]
        super().__init__(command, folder / "dev.log")

    @property
    def url(self) -> str:
        found = re.search(r"export AWS_ENDPOINT_URL_LAMBDA=(http://\S+) ", self.output)
        assert found is not None
        return found[1]

    def serve(self, port: int = 0) -> Caller:
        """Start it and wait until it says how to reach it."""
        self.start("--port", str(port))
        self.until(lambda: "curl" in self.output)
        return Caller(self.url)


@pytest.fixture
def folder(stopped_data_folder: Path, tmp_path: Path) -> Path:
    """A folder with a handler, and with state that saves the first start its initdb."""
    (tmp_path / "greet").mkdir()
    (tmp_path / "greet" / "app.py").write_text(CODE)
    (tmp_path / "some state").mkdir()
    copy_data_folder(stopped_data_folder, tmp_path / "some state" / "postgres")
    return tmp_path


@contextmanager
def dev(folder: Path, *options: str) -> Iterator[Dev]:
    process = Dev(folder, *options)
    try:
        yield process
    finally:
        process.stop()


@pytest.mark.parametrize("sdk", ["aws_durable_execution_sdk_python", "perdure"])
def test_it_says_how_to_reach_it_and_tells_what_happens(folder: Path, sdk: str) -> None:
    code = CODE.replace("aws_durable_execution_sdk_python", sdk)
    with dev(folder) as process:
        process.app.write_text(code)
        caller = process.serve()
        assert f"export AWS_ENDPOINT_URL_LAMBDA={process.url} AWS_DEFAULT_REGION=us-east-1" in (
            process.output
        )
        assert "aws lambda invoke --function-name 'greet:$LATEST'" in process.output
        assert f"curl -sS '{process.url}/2015-03-31/functions/greet:$LATEST/invocations'" in (
            process.output
        )
        assert httpx.get(process.url).status_code == 200

        assert caller.call("greet:$LATEST", {}).json == ["first", "first"]
        for text in ("StepSucceeded  before", "StepSucceeded  after", "ExecutionSucceeded"):
            process.until(lambda text=text: text in process.output)  # type: ignore[misc]
        process.until(lambda: re.search(r"greet +\| .*the callback is", process.output) is not None)

        process.app.write_text(code.replace('"first"', '"second"'))
        eventually(lambda: caller.call("greet:$LATEST", {}).json == ["second", "second"], 20)
        assert process.stop() == 0
    _assert_nothing_is_left(folder)


def test_what_is_deployed_runs_with_what_is_installed_here(folder: Path) -> None:
    runtime = f"python3.{sys.version_info.minor}"
    with dev(folder) as process:
        caller = process.serve()
        assert f"Functions that are deployed run with {runtime}" in process.output
        caller.client.create_function(
            FunctionName="deployed",
            Runtime=runtime,
            Role="arn:aws:iam::000000000000:role/any",
            Handler="app.handler",
            Code={"ZipFile": zip_of({"app.py": "def handler(event, context): return event"})},
            Timeout=60,
        )
        assert caller.call("deployed", 7).json == 7
        assert process.stop() == 0
    _assert_nothing_is_left(folder)


def test_a_restart_goes_on_with_what_was_running(folder: Path) -> None:
    with dev(folder) as process:
        caller = process.serve()
        arn = caller.start("greet:$LATEST", {"wait": True})
        opened = caller.until_event(arn, "CallbackStarted")["CallbackStartedDetails"]
        caller.until_event(arn, "InvocationCompleted")
        process.kill()
        eventually(lambda: not _of(folder), 20)

        caller = process.serve()
        caller.client.send_durable_execution_callback_success(CallbackId=opened["CallbackId"])
        assert caller.until_closed(arn)["Result"] == '["first", "first"]'
        assert names_of(caller.history(arn), "StepSucceeded") == ["before", "after"]


def test_its_service_and_its_postgres_are_started_again_when_they_die(folder: Path) -> None:
    with dev(folder) as process:
        caller = process.serve()
        arn = caller.start("greet:$LATEST", {"wait": True})
        opened = caller.until_event(arn, "CallbackStarted")["CallbackStartedDetails"]
        for victim in ("postgres -D", "perdure_service serve"):
            (first,) = _of(folder, victim)
            first.send_signal(signal.SIGKILL)
            eventually(lambda victim=victim, first=first: set(_of(folder, victim)) - {first}, 20)  # type: ignore[misc]
            eventually(lambda: _is_ready(process.url), 20)
        caller.client.send_durable_execution_callback_success(CallbackId=opened["CallbackId"])
        assert caller.until_closed(arn)["Result"] == '["first", "first"]'


def test_a_taken_port_is_an_error_that_names_it_and_the_flag(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, dev(folder) as process:
        port = taken.getsockname()[1]
        process.start("--port", str(port))
        assert process.ended(60) == 98
        assert f"Port {port} on 127.0.0.1 cannot be used" in process.output
        assert "--port" in process.output
        assert "Traceback" not in process.output


def test_it_listens_on_loopback_only(folder: Path) -> None:
    with dev(folder, "--host", "0.0.0.0") as process:  # noqa: S104  it must refuse that
        process.start()
        assert process.ended(60) == 2
        assert "loopback" in process.output


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/ready").status_code == 200
    except httpx.TransportError:
        return False


def _of(folder: Path, what: str = "") -> list[psutil.Process]:
    """The processes that name this folder's state, or work in it."""
    found = []
    for process in psutil.process_iter():
        try:
            line = " ".join(process.cmdline())
            place = process.cwd()
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
        if what in line and (str(folder) in line or place.startswith(str(folder))):
            found.append(process)
    return found


def _assert_nothing_is_left(folder: Path) -> None:
    assert _of(folder) == []
