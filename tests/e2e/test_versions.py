"""A published version keeps its code, whatever becomes of the folder it was made from."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import WorkerProcess, running_worker

CODE = """
from aws_durable_execution_sdk_python import durable_execution

TEXT = "first"


@durable_execution
def lambda_handler(event, context):
    before = context.step(lambda _: TEXT, name="before")
    if event.get("wait"):
        context.create_callback(name="signal").result()
    return [before, TEXT, context.lambda_context.function_version]
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    file = tmp_path / "code" / "pinned.py"
    file.parent.mkdir()
    file.write_text(CODE)
    return file


@pytest.fixture
def reloading_worker(service: ServiceProcess, app: Path, tmp_path: Path) -> Iterator[WorkerProcess]:
    specs, options = [str(app)], ["--reload"]
    with running_worker(tmp_path / "one", service.url, specs, options=options) as worker:
        yield worker


def test_version_1_is_pinned_while_latest_is_edited(
    service: ServiceProcess,
    caller: Caller,
    app: Path,
    reloading_worker: WorkerProcess,
    tmp_path: Path,
) -> None:
    assert caller.call("pinned:$LATEST", {}).json == ["first", "first", "$LATEST"]
    published = caller.client.publish_version(FunctionName="pinned")
    assert published["Version"] == "1"
    assert caller.client.publish_version(FunctionName="pinned")["Version"] == "1"
    arn = caller.start("pinned:1", {"wait": True})
    opened = caller.until_event(arn, "CallbackStarted")["CallbackStartedDetails"]

    app.write_text(CODE.replace('"first"', '"second"'))
    eventually(lambda: caller.call("pinned:$LATEST", {}).json[0] == "second", 20)
    assert caller.call("pinned:1", {}).json == ["first", "first", "1"]

    reloading_worker.stop()
    app.write_text(CODE.replace('"first"', '"third"'))
    with running_worker(tmp_path / "two", service.url, [str(app)]):
        caller.client.send_durable_execution_callback_success(CallbackId=opened["CallbackId"])
        assert caller.until_closed(arn)["Result"] == '["first", "first", "1"]'
        assert caller.get(arn)["Version"] == "1"
        assert caller.call("pinned:$LATEST", {}).json == ["third", "third", "$LATEST"]
        assert caller.client.publish_version(FunctionName="pinned")["Version"] == "2"
        assert caller.call("pinned:2", {}).json == ["third", "third", "2"]


def test_an_invocation_in_flight_ends_on_the_code_that_it_began_with(
    service: ServiceProcess, caller: Caller, tmp_path: Path, file: Path
) -> None:
    code = tmp_path / "code" / "flying.py"
    code.parent.mkdir()
    text = f"""
import pathlib, time

MARKER = pathlib.Path({str(file)!r})


def lambda_handler(event, context):
    if event == "slow":
        MARKER.write_text("running")
        while MARKER.read_text() == "running":
            time.sleep(0.01)
    return "old"
"""
    code.write_text(text)
    options = ["--plain", "flying", "--reload"]
    with (
        ThreadPoolExecutor() as threads,
        running_worker(tmp_path, service.url, [str(code)], options=options),
    ):
        slow_call = threads.submit(caller.call, "flying", "slow")
        eventually(file.exists, 20)
        code.write_text(text.replace('"old"', '"new"'))
        eventually(lambda: caller.call("flying", "quick").json == "new", 20)
        file.write_text("end")
        assert slow_call.result().json == "old"
