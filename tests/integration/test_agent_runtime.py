"""The agent with real runtime processes, against a service that speaks only its protocol."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
from pathlib import Path

import psutil
import pytest

from perdure.http.http1 import Answer, Request
from perdure.worker.functions import ServedFunction
from perdure.worker.handler_spec import parse_handler_spec
from perdure.worker.service_client import DurableConfig
from tests.support.agent import PYTHON, Lines, agent, agent_of, is_gone, runtimes_of
from tests.support.waiting import eventually
from tests.support.worker_service import WorkerService

HANDLER = """
import json, logging, os, signal, sys, time, urllib.error, urllib.request
from pathlib import Path

logging.getLogger().info("loaded by %s", os.getpid())


def handler(event, context):
    match event:
        case {"env": names}:
            return {name: os.environ.get(name) for name in names}
        case {"exit": status}:
            os._exit(status)
        case {"kill": True}:
            os.kill(os.getpid(), signal.SIGKILL)
        case {"raise": text}:
            raise ValueError(text)
        case {"call": path}:
            request = urllib.request.Request(os.environ["AWS_ENDPOINT_URL_LAMBDA"] + path, b"{}")
            try:
                with urllib.request.urlopen(request) as answer:
                    return [answer.status, json.loads(answer.read())]
            except urllib.error.HTTPError as error:
                return [error.code, json.loads(error.read())]
        case {"started": started, "until": until}:
            Path(started).touch()
            while not Path(until).exists():
                time.sleep(0.005)
    return {
        "version": 1,
        "event": event,
        "pid": os.getpid(),
        "file": __file__,
        "id": context.aws_request_id,
        "arn": context.invoked_function_arn,
        "milliseconds": context.get_remaining_time_in_millis(),
        "function": context.function_name,
        "function_version": context.function_version,
    }
"""

CHECKPOINT = "/2025-12-01/durable-executions/arn%3Aaws%3Ax%2Fy/checkpoint"


@pytest.fixture
def code(tmp_path: Path) -> Path:
    file = tmp_path / "some code" / "app.py"
    file.parent.mkdir()
    edit(file, HANDLER)
    return file


def edit(file: Path, text: str) -> None:
    file.write_text(text)


async def test_a_function_is_registered_with_its_code(service: WorkerService, code: Path) -> None:
    async with agent(service, code, durable=DurableConfig(3600, 7)):
        (registration,) = service.registrations
        await service.until(lambda: bool(service.code))
    (function,) = registration["Functions"]
    assert list(service.code) == [function.pop("CodeSha256")]
    assert function == {
        "FunctionName": "hello",
        "DurableConfig": {"ExecutionTimeout": 3600, "RetentionPeriodInDays": 7},
        "DeadLetterConfig": {"TargetArn": ""},
        "Timeout": 30,
        "MemorySize": 128,
        "Runtime": f"python3.{sys.version_info.minor}",
        "Handler": "app.handler",
    }
    assert registration["Held"] == []
    assert service.left == [registration["WorkerId"]]


async def test_a_runtime_finds_the_environment_of_lambda(
    service: WorkerService, code: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MINE", "kept")
    monkeypatch.delenv("AWS_ACCESS_KEY_ID", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL_LAMBDA", "http://elsewhere")
    monkeypatch.setenv("NO_PROXY", "mine")
    names = [
        "MINE",
        "AWS_REGION",
        "AWS_DEFAULT_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "LAMBDA_TASK_ROOT",
        "_HANDLER",
        "NO_PROXY",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_ENDPOINT_URL_LAMBDA",
    ]
    async with agent(service, code):
        seen = (await service.call("hello", {"env": names})).json
    runtime_api = seen.pop("AWS_LAMBDA_RUNTIME_API")
    assert seen == {
        "MINE": "kept",
        "AWS_REGION": "eu-west-3",
        "AWS_DEFAULT_REGION": "eu-west-3",
        "AWS_ACCESS_KEY_ID": "perdure",
        "AWS_LAMBDA_FUNCTION_NAME": "hello",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
        "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
        "LAMBDA_TASK_ROOT": str(code.parent),
        "_HANDLER": "app.handler",
        "NO_PROXY": "mine,127.0.0.1,localhost",
        "AWS_ENDPOINT_URL_LAMBDA": f"http://{runtime_api}",
    }


async def test_code_that_hangs_while_loading_is_an_init_error(
    service: WorkerService, code: Path
) -> None:
    edit(code, "import time\ntime.sleep(1e6)\ndef handler(event, context): ...\n")
    async with agent(service, code, timeout_seconds=1):
        result = await service.call("hello", {})
    assert result.outcome == "init-error"
    assert result.json["errorType"] == "Sandbox.Timedout"


async def test_an_idle_process_that_dies_is_replaced(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        pid = (await service.call("hello", {})).json["pid"]
        runtime = psutil.Process(pid)
        runtime.kill()
        await asyncio.to_thread(eventually, lambda: is_gone(runtime))
        result = await service.call("hello", {})
        if result.outcome == "exit":  # handed over in the instant before the agent saw the end
            result = await service.call("hello", {})
    assert result.outcome == "returned"
    assert result.json["pid"] != pid


async def test_processes_grow_to_the_concurrency_and_no_more_is_taken(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with agent(service, code, concurrency=2):
        events = [{"started": str(tmp_path / f"s{i}"), "until": str(gate)} for i in range(3)]
        invocations = [await service.invoke("hello", event) for event in events]
        await service.until(lambda: sorted(service.held) == sorted(invocations[:2]))
        await asyncio.to_thread(eventually, (tmp_path / "s1").exists)
        assert len(service.queue) == 1
        gate.touch()
        results = [await service.result(invocation) for invocation in invocations]
    assert {result.outcome for result in results} == {"returned"}
    assert len({result.json["pid"] for result in results}) == 2


async def test_a_slot_that_becomes_free_is_offered_while_a_poll_is_held(
    service: WorkerService, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    functions = []
    for name in ("busy", "idle"):
        file = tmp_path / f"{name}.py"
        edit(file, HANDLER)
        functions.append(ServedFunction(parse_handler_spec(str(file)), PYTHON, None, 30))
    async with agent_of(service, functions, tmp_path, concurrency=1):
        event = {"started": str(tmp_path / "started"), "until": str(gate)}
        running = await service.invoke("busy", event, Handler="busy.handler")
        waiting = await service.invoke("busy", {}, Handler="busy.handler")
        await service.until(lambda: service.held == [running])
        result = await service.call("idle", {}, Handler="idle.handler")
        assert result.json["function"] == "idle"
        gate.touch()
        assert (await service.result(waiting)).outcome == "returned"


async def test_what_a_function_writes_carries_its_name(service: WorkerService, code: Path) -> None:
    lines = Lines()
    edit(
        code,
        "import logging, os, sys\n"
        "def handler(event, context):\n"
        "    print('to stdout')\n"
        "    print('to stderr', file=sys.stderr)\n"
        "    logging.getLogger().warning('logged\\nin two lines')\n"
        "    os.write(1, b'without an end')\n"
        "    os._exit(1)\n",
    )
    async with agent(service, code, lines=lines):
        await service.call("hello", {})
    written = [text for name, text in lines.seen if name == "hello"]
    assert {"to stdout", "to stderr", "without an end", "in two lines"} <= set(written)
    assert any(text.startswith("[WARNING]") and text.endswith("logged") for text in written)


async def test_a_restart_of_the_service_leaves_invocations_alone(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    async with agent(service, code):
        invocation = await service.invoke("hello", {"started": str(started), "until": str(gate)})
        await service.until(lambda: service.held == [invocation])
        await service.stop()
        gate.touch()
        await service.start()
        assert (await service.result(invocation)).outcome == "returned"
        assert (await service.call("hello", {})).outcome == "returned"
    registrations = service.registrations
    assert len(registrations) > 1
    assert len({registration["WorkerId"] for registration in registrations}) == 1
    assert len(service.results) == 2


async def test_a_worker_that_was_forgotten_registers_with_what_it_holds(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    gate = tmp_path / "gate"
    async with agent(service, code):
        invocation = await service.invoke(
            "hello", {"started": str(tmp_path / "started"), "until": str(gate)}
        )
        await service.until(lambda: service.held == [invocation])
        service.known.clear()
        await service.until(lambda: len(service.registrations) > 1)
        assert service.registrations[-1]["Held"] == [invocation]
        gate.touch()
        assert (await service.result(invocation)).outcome == "returned"


async def test_calls_of_the_lambda_api_go_through_as_they_are(
    service: WorkerService, code: Path
) -> None:
    service.lambda_api = lambda _: Answer(409, (), b'{"Type":"User"}')
    async with agent(service, code):
        result = await service.call("hello", {"call": "/2015-03-31/functions/a%3A1/invocations"})
    assert result.json == [409, {"Type": "User"}]
    (request,) = service.proxied
    assert (request.method, request.target) == (b"POST", b"/2015-03-31/functions/a%3A1/invocations")
    assert request.body == b"{}"


@pytest.mark.parametrize("status", [401, 403, 404, 409])
async def test_a_refused_checkpoint_is_no_verdict(
    service: WorkerService, code: Path, status: int
) -> None:
    service.lambda_api = lambda _: Answer(status, (), b"{}")
    async with agent(service, code):
        result = await service.call("hello", {"call": CHECKPOINT})
    assert result.json[0] == 503
    assert f"answered {status}" in result.json[1]["Message"]
    assert len(service.proxied) == 1


async def test_a_checkpoint_whose_key_cannot_be_used_is_told_so_at_once(
    service: WorkerService, code: Path
) -> None:
    refused = (b"x-amzn-errortype", b"KMSDisabledException")
    service.lambda_api = lambda _: Answer(502, (refused,), b'{"Message":"no key"}')
    async with agent(service, code):
        result = await service.call("hello", {"call": CHECKPOINT})
    assert result.json == [502, {"Message": "no key"}]
    assert len(service.proxied) == 1


async def test_a_checkpoint_is_repeated_while_the_service_is_away(
    service: WorkerService, code: Path
) -> None:
    def away_at_first(_: Request) -> Answer:
        return Answer(503 if len(service.proxied) < 3 else 200, (), b'{"x":1}')

    service.lambda_api = away_at_first
    async with agent(service, code):
        result = await service.call("hello", {"call": CHECKPOINT})
    assert result.json == [200, {"x": 1}]
    assert [request.body for request in service.proxied] == [b"{}"] * 3


async def test_edited_code_is_loaded_and_what_runs_ends_on_the_old(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    lines = Lines()
    async with agent(service, code, reload=True, lines=lines):
        before = (await service.call("hello", {})).json
        running = await service.invoke("hello", {"started": str(started), "until": str(gate)})
        await service.until(lambda: service.held == [running])
        edit(code, HANDLER.replace('"version": 1', '"version": 2'))
        await service.until(lambda: len(service.code) == 2)
        after = (await service.call("hello", {})).json
        gate.touch()
        ended = (await service.result(running)).json
        again = (await service.call("hello", {})).json
    assert (before["version"], ended["version"]) == (1, 1)
    assert (after["version"], again["version"]) == (2, 2)
    assert before["pid"] == ended["pid"] != after["pid"]
    assert ("hello", "reloaded") in lines.seen


@pytest.mark.parametrize("how", ["made anew", "another one"])
async def test_a_folder_that_has_become_another_is_watched_on(
    service: WorkerService, code: Path, tmp_path: Path, how: str
) -> None:
    folder, other = code.parent, tmp_path / "other"
    other.mkdir()
    edit(other / code.name, HANDLER.replace('"version": 1', '"version": 2'))
    async with agent(service, code, reload=True):
        await service.call("hello", {})
        if how == "another one":
            folder.rename(tmp_path / "old")
            other.rename(folder)
        else:
            shutil.rmtree(folder)
            shutil.copytree(other, folder)
        await service.until(lambda: _is_known(service, b'"version": 2'))
        assert (await service.call("hello", {})).json["version"] == 2
        edit(code, HANDLER.replace('"version": 1', '"version": 3'))
        await service.until(lambda: _is_known(service, b'"version": 3'))
        assert (await service.call("hello", {})).json["version"] == 3


def _is_known(service: WorkerService, text: bytes) -> bool:
    return any(text in content for content in service.code.values())


async def test_a_folder_that_is_gone_is_named(service: WorkerService, code: Path) -> None:
    async with agent(service, code):
        pid = (await service.call("hello", {})).json["pid"]
        code.parent.rename(code.parent.with_name("elsewhere"))
        os.kill(pid, signal.SIGKILL)
        await asyncio.to_thread(eventually, lambda: not psutil.pid_exists(pid))
        gone = await service.call("hello", {})
        if gone.outcome == "exit":  # handed over in the instant before the agent saw the end
            gone = await service.call("hello", {})
    assert gone.json["errorType"] == "Runtime.StartFailed"
    assert f"No such file or directory: '{code.parent}'" in gone.json["errorMessage"]


async def test_a_published_version_runs_its_own_copy_of_the_code(
    service: WorkerService, code: Path
) -> None:
    async with agent(service, code):
        await service.until(lambda: bool(service.code))
        (sha256,) = service.code
        edit(code, HANDLER.replace('"version": 1', '"version": 2'))
        published = {"CodeSha256": sha256, "Version": "7"}
        result = (await service.call("hello", {}, **published)).json
        missing = await service.call("hello", {}, Version="8", CodeSha256="0" * 64)
    assert (result["version"], result["function_version"]) == (1, "7")
    assert Path(result["file"]).parent.name == sha256
    assert missing.outcome == "init-error"
    assert missing.json["errorType"] == "Runtime.CodeUnavailable"


async def test_a_full_house_makes_room_for_another_version(
    service: WorkerService, code: Path
) -> None:
    async with agent(service, code, concurrency=1):
        await service.until(lambda: bool(service.code))
        (sha256,) = service.code
        for version in ("$LATEST", "1", "2", "$LATEST"):
            published = None if version == "$LATEST" else sha256
            result = await service.call("hello", {}, Version=version, CodeSha256=published)
            assert result.json["function_version"] == version


async def test_what_outlasts_the_grace_is_killed_and_reported(
    service: WorkerService, code: Path, tmp_path: Path
) -> None:
    forever = {"started": str(tmp_path / "started"), "until": str(tmp_path / "never")}
    async with agent(service, code, grace_seconds=0):
        invocation = await service.invoke("hello", forever)
        await asyncio.to_thread(eventually, (tmp_path / "started").exists)
    result = await service.result(invocation)
    assert result.outcome == "exit"
    assert result.json["errorMessage"].endswith("signal: killed")
    assert runtimes_of(os.getpid()) == []


async def test_a_second_handler_of_one_worker_is_served_beside_the_first(
    service: WorkerService, tmp_path: Path
) -> None:
    specs = []
    for name in ("one", "two"):
        file = tmp_path / f"{name}.py"
        edit(file, f"def handler(event, context): return {json.dumps(name)}\n")
        specs.append(ServedFunction(parse_handler_spec(str(file)), PYTHON, None, 30))
    async with agent_of(service, specs, tmp_path, concurrency=1):
        calls = [
            service.call(name, {}, Handler=f"{name}.handler")
            for _ in range(5)
            for name in ("one", "two")
        ]
        results = await asyncio.gather(*calls)
    assert [result.json for result in results] == ["one", "two"] * 5
