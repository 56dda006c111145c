"""Functions that mean no good or know no better: an agent and its other functions go on."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path

import psutil
import pytest

from perdure.worker import slots
from perdure.worker.bootstrap_runtime import BootstrapRuntime
from perdure.worker.log_capture import MAX_MESSAGE_BYTES
from perdure.worker.pool import Pool
from perdure_service.api.wire.shipped_logs import parse_shipped
from perdure_service.domain.ids import WorkerId
from tests.support.agent import PYTHON, Lines, agent_of
from tests.support.code import zip_of
from tests.support.waiting import eventually
from tests.support.worker_service import WorkerService

POOL = Pool(PYTHON, PYTHON.version)

HANDLER = """
import json, os, shutil, signal, subprocess, time
from pathlib import Path


def handler(event, context):
    match event:
        case {"close": descriptors}:
            for descriptor in descriptors:
                os.close(descriptor)
        case {"line": megabytes}:
            part = b"x" * 1_000_000
            for _ in range(megabytes):
                written = 0
                while written < len(part):
                    written += os.write(1, part[written:])
        case {"leave": note, "apart": apart}:
            child = subprocess.Popen(["sleep", "600"], start_new_session=apart)
            Path(note).write_text(str(child.pid))
            os._exit(3)
        case {"deaf": note}:
            for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
                signal.signal(number, signal.SIG_IGN)
            child = subprocess.Popen(["sh", "-c", "trap '' TERM INT HUP; sleep 600"])
            Path(note).write_text(json.dumps([os.getpid(), child.pid]))
            time.sleep(600)
        case "go elsewhere":
            os.chdir("/")
        case "delete the code":
            shutil.rmtree(os.environ["LAMBDA_TASK_ROOT"])
        case "write a frame":
            frame = bytes.fromhex("a55a0003") + (6).to_bytes(4, "big") + b"\\xff" * 8 + b"framed"
            began_with = Path("/proc/self/environ").read_text().split("\\0")
            (place,) = [v for v in began_with if v.startswith("_LAMBDA_TELEMETRY_LOG_FD=")]
            os.write(int(place.partition("=")[2]), frame)
        case "die":
            os._exit(3)
    return os.getpid()
"""
STUCK = """#!/bin/sh
exec "%(python)s" -IS - <<'END'
import http.client, os, time
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
connection.request("GET", "/2018-06-01/runtime/invocation/next")
answer = connection.getresponse()
answer.read()
id_ = answer.headers["Lambda-Runtime-Aws-Request-Id"]
connection.request("POST", f"/2018-06-01/runtime/invocation/{id_}/response", str(os.getpid()))
connection.getresponse().read()
time.sleep(600)
END
"""


FAILING = """#!/bin/sh
exec "%(python)s" -IS - <<'END'
import http.client, os
connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
connection.request("POST", "/2018-06-01/runtime/init/error", r'''%(posted)s''')
connection.getresponse().read()
END
"""


async def test_one_without_output_goes_on(service: WorkerService, tmp_path: Path) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[POOL]):
        first = await service.invoke("f", {"close": [1, 2]}, **deployed)
        assert (await service.result(first)).outcome == "returned"
        assert (await service.call("f", None, **deployed)).outcome == "returned"
    assert service.logged(first)[-1].startswith("REPORT")


async def test_a_line_of_a_hundred_megabytes_comes_in_pieces_and_holds_nobody_up(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    lines = Lines()
    async with agent_of(service, [], tmp_path, concurrency=2, pools=[POOL], lines=lines):
        long = await service.invoke("f", {"line": 100}, **deployed)
        assert (await service.call("g", None, **deployed)).outcome == "returned"
        assert (await service.result(long)).outcome == "returned"
    shown = [text for name, text in lines.seen if name == "f"]
    assert sum(map(len, shown)) == 100_000_000
    assert max(map(len, shown)) == MAX_MESSAGE_BYTES
    assert service.logged(long)[-1].startswith("REPORT")


@pytest.mark.parametrize("apart", [False, True], ids=["in its group", "in a session of its own"])
async def test_what_a_process_leaves_behind_holds_nobody_up(
    service: WorkerService, tmp_path: Path, apart: bool
) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    note = tmp_path / "note"
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[POOL]):
        dead = await service.call("f", {"leave": str(note), "apart": apart}, **deployed)
        assert dead.outcome == "exit"
        assert (await service.call("f", None, **deployed)).outcome == "returned"
        left = int(note.read_text())
        if apart:
            os.kill(left, signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda: not psutil.pid_exists(left))


async def test_one_that_hears_no_signal_ends_at_its_timeout_with_what_it_started(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    note = tmp_path / "note"
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[POOL]):
        deaf = await service.call("f", {"deaf": str(note)}, timeout_seconds=2, **deployed)
        assert (deaf.outcome, deaf.json["errorType"]) == ("timeout", "Sandbox.Timedout")
        pids = json.loads(note.read_text())
        await asyncio.to_thread(eventually, lambda: not any(map(psutil.pid_exists, pids)))


async def test_one_that_goes_elsewhere_or_deletes_its_code_harms_the_next_process_not(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[POOL]):
        pids = []
        for event in ("go elsewhere", "delete the code", None):
            pids.append((await service.call("f", event, **deployed)).json)
        assert (await service.call("f", "die", **deployed)).outcome == "exit"
        pids.append((await service.call("f", None, **deployed)).json)
    assert len(set(pids)) == 2
    assert len(service.fetched) == 2


async def test_one_that_does_not_ask_for_more_is_replaced_and_that_is_said(
    service: WorkerService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slots, "_RETURN_SECONDS", 0.3)
    name = "provided.al2023"
    code = zip_of({"bootstrap": STUCK % {"python": PYTHON.program}})
    deployed = service.deploy(code, name)
    lines = Lines()
    stuck = Pool(BootstrapRuntime(name), "its own")
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[stuck], lines=lines):
        pids = [(await service.call("f", None, **deployed)).json for _ in range(2)]
        await asyncio.to_thread(eventually, lambda: not psutil.pid_exists(pids[0]))
    assert pids[0] != pids[1]
    assert "did not ask for another invocation within 0.3 seconds" in lines.text()


@pytest.mark.parametrize(
    "posted",
    [
        json.dumps({"errorMessage": "\ud800", "errorType": "\udfff"}),
        json.dumps({"errorMessage": "x" * 3_000_000, "errorType": "Large"}),
        json.dumps({"errorMessage": {"a": ["\ud800"]}, "errorType": 7}),
        "no JSON",
        "[" * 200_000,
    ],
    ids=["half a character", "three megabytes", "no texts", "no JSON", "very deep"],
)
async def test_a_wild_error_costs_neither_the_slot_nor_the_lines_of_others(
    service: WorkerService, tmp_path: Path, posted: str
) -> None:
    name = "provided.al2023"
    code = zip_of({"bootstrap": FAILING % {"python": PYTHON.program, "posted": posted}})
    deployed = service.deploy(code, name)
    wild = Pool(BootstrapRuntime(name), "its own")
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[wild]):
        for _ in range(2):
            failed = await service.call("f", None, LogTail=True, **deployed)
            assert (failed.outcome, failed.body.decode()) == ("init-error", posted)
            assert failed.log_tail is not None
    for batch in service.log_batches:
        parse_shipped(WorkerId("w"), json.dumps(batch).encode())  # as the service does


async def test_a_time_of_the_year_500000_is_now(service: WorkerService, tmp_path: Path) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[POOL]):
        written = await service.invoke("f", "write a frame", **deployed)
        assert (await service.result(written)).outcome == "returned"
    assert "framed" in service.logged(written)
    for batch in service.log_batches:
        parse_shipped(WorkerId("w"), json.dumps(batch).encode())


async def test_a_cache_that_cannot_be_written_to_is_named(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(zip_of({"app.py": HANDLER}), PYTHON.name)
    (tmp_path / "cache").write_text("no folder")
    async with agent_of(service, [], tmp_path, concurrency=1, pools=[POOL]):
        refused = await service.call("f", None, **deployed)
        (tmp_path / "cache").unlink()
        assert (await service.call("f", None, **deployed)).outcome == "returned"
    assert (refused.outcome, refused.json["errorType"]) == ("init-error", "Runtime.CodeUnavailable")
    assert "cannot be kept in the worker's cache" in refused.json["errorMessage"]
    assert str(tmp_path / "cache") in refused.json["errorMessage"]
