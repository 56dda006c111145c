"""An agent that runs whatever is deployed for its runtimes, with real runtime processes."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from perdure.worker.agent import Agent
from perdure.worker.functions import ServedFunction
from perdure.worker.handler_spec import parse_handler_spec
from perdure.worker.node_runtime import NodeRuntime
from perdure.worker.pool import Pool
from tests.support.agent import PYTHON, Lines, agent_of, is_gone, runtimes_of
from tests.support.code import zip_of
from tests.support.waiting import eventually
from tests.support.worker_service import WorkerService

PYTHON_POOL = Pool(PYTHON, PYTHON.version)

HANDLER = """
import os, time
from pathlib import Path

loaded = int(os.environ.get("N", 0))


def handler(event, context):
    match event:
        case {"env": names}:
            return {name: os.environ.get(name) for name in names}
        case {"environment": _}:
            return dict(os.environ)
        case {"started": started, "until": until}:
            Path(started).touch()
            while not Path(until).exists():
                time.sleep(0.005)
    return {"code": 1, "pid": os.getpid(), "version": context.function_version, "n": loaded}
"""
ONE = zip_of({"app.py": HANDLER})
TWO = zip_of({"app.py": HANDLER.replace('"code": 1', '"code": 2')})


@asynccontextmanager
async def pool(
    service: WorkerService,
    folder: Path,
    *pools: Pool,
    concurrency: int = 4,
    functions: Sequence[ServedFunction] = (),
    **settings: Any,
) -> AsyncIterator[Agent]:
    async with agent_of(
        service,
        functions,
        folder,
        concurrency=concurrency,
        pools=pools or (PYTHON_POOL,),
        **settings,
    ) as agent:
        yield agent


async def test_what_runs_functions_is_registered(service: WorkerService, tmp_path: Path) -> None:
    async with pool(service, tmp_path, concurrency=7):
        (registration,) = service.registrations
    assert registration["Functions"] == []
    assert registration["Pools"] == [{"Runtime": PYTHON.name, "Interpreter": PYTHON.version}]
    assert registration["PoolConcurrency"] == 7


async def test_functions_that_nobody_named_are_run(service: WorkerService, tmp_path: Path) -> None:
    one, two = (service.deploy(code, PYTHON.name) for code in (ONE, TWO))
    async with pool(service, tmp_path):
        results = [await service.call("one", {}, **one), await service.call("two", {}, **two)]
    assert [result.json["code"] for result in results] == [1, 2]


async def test_an_update_is_served_at_once_and_what_runs_ends_as_it_began(
    service: WorkerService, tmp_path: Path
) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    before, after = service.deploy(ONE, PYTHON.name), service.deploy(TWO, PYTHON.name)
    async with pool(service, tmp_path):
        running = await service.invoke(
            "order", {"started": str(started), "until": str(gate)}, **before
        )
        await asyncio.to_thread(eventually, started.exists)
        assert (await service.call("order", {}, **after)).json["code"] == 2
        old = psutil.Process(
            next(p.pid for p in runtimes_of(os.getpid()) if _version_of(p) == before["CodeSha256"])
        )
        gate.touch()
        assert (await service.result(running)).json["code"] == 1
        await asyncio.to_thread(eventually, lambda: is_gone(old))
        assert (await service.call("order", {}, **after)).json["code"] == 2


def _version_of(process: psutil.Process) -> str:
    return Path(process.cwd()).name


async def test_each_version_keeps_its_own_process(service: WorkerService, tmp_path: Path) -> None:
    one, two = (service.deploy(code, PYTHON.name) for code in (ONE, TWO))
    async with pool(service, tmp_path):
        seen = [
            (await service.call("order", {}, Version=version, **deployed)).json
            for _ in range(2)
            for version, deployed in (("1", one), ("2", two), ("$LATEST", two))
        ]
    assert [s["version"] for s in seen] == ["1", "2", "$LATEST"] * 2
    assert [s["code"] for s in seen] == [1, 2, 2] * 2
    assert [s["pid"] for s in seen[:3]] == [s["pid"] for s in seen[3:]]
    assert len({s["pid"] for s in seen}) == 3


async def test_another_configuration_of_the_same_code_is_another_process(
    service: WorkerService, tmp_path: Path
) -> None:
    async with pool(service, tmp_path):
        numbers = []
        for number in ("1", "2"):
            deployed = service.deploy(
                ONE, PYTHON.name, Environment={"N": number}, RevisionId=number
            )
            numbers.append((await service.call("order", {}, **deployed)).json["n"])
    assert numbers == [1, 2]


async def test_code_is_fetched_once_however_many_need_it(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(ONE, PYTHON.name)
    for _ in range(2):
        async with pool(service, tmp_path):
            calls = [service.call(f"f{n}", {}, **deployed) for n in range(4)]
            results = await asyncio.gather(*calls)
        assert {result.outcome for result in results} == {"returned"}
    assert service.fetched == [deployed["CodeSha256"]]  # the next worker finds it on disk


async def test_a_process_that_takes_too_much_memory_while_it_loads_is_ended(
    service: WorkerService, tmp_path: Path
) -> None:
    code = "import time\nx = bytearray(500 << 20)\ntime.sleep(60)\ndef handler(e, c): ...\n"
    deployed = service.deploy(zip_of({"app.py": code}), PYTHON.name, MemorySize=128)
    async with pool(service, tmp_path):
        result = await service.call("hungry", 1, **deployed)
    assert (result.outcome, result.json["errorType"]) == ("init-error", "Runtime.OutOfMemory")


async def test_a_process_without_work_ends(service: WorkerService, tmp_path: Path) -> None:
    deployed = service.deploy(ONE, PYTHON.name)
    async with pool(service, tmp_path, idle_seconds=0.2):
        runtime = psutil.Process((await service.call("order", {}, **deployed)).json["pid"])
        await asyncio.to_thread(eventually, lambda: is_gone(runtime))
        again = (await service.call("order", {}, **deployed)).json
    assert again["pid"] != runtime.pid


async def test_there_are_no_more_processes_than_asked_for_and_each_function_gets_its_turn(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(ONE, PYTHON.name)
    most = 0
    async with pool(service, tmp_path, concurrency=2, max_children=2):
        calls = [asyncio.ensure_future(service.call(f"f{n % 3}", {}, **deployed)) for n in range(9)]
        while not all(call.done() for call in calls):
            await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED, timeout=0.05)
            most = max(most, len(runtimes_of(os.getpid())))
        results = [await call for call in calls]
    assert {result.outcome for result in results} == {"returned"}
    assert 1 <= most <= 2


async def test_a_function_takes_no_more_than_its_share(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(ONE, PYTHON.name)
    gate = tmp_path / "gate"
    async with pool(service, tmp_path, concurrency=1, max_children=2):
        first = await service.invoke(
            "busy", {"started": str(tmp_path / "s"), "until": str(gate)}, **deployed
        )
        second = await service.invoke("busy", {}, **deployed)
        await service.until(lambda: service.held == [first])
        assert (await service.call("idle", {}, **deployed)).outcome == "returned"
        assert second not in service.results
        gate.touch()
        assert (await service.result(second)).outcome == "returned"


async def test_a_worker_serves_a_folder_and_pools_at_once(
    service: WorkerService, tmp_path: Path
) -> None:
    file = tmp_path / "code" / "app.py"
    file.parent.mkdir()
    file.write_text("def handler(event, context): return 'live'\n")
    live = ServedFunction(parse_handler_spec(f"mine={file}"), PYTHON, None, 30)
    deployed = service.deploy(ONE, PYTHON.name)
    async with pool(service, tmp_path, functions=[live]):
        one = await service.call("mine", {})
        two = await service.call("other", {}, **deployed)
        three = await service.call("mine", {}, Version="1", **deployed)
    assert (one.json, two.json["code"], three.json["version"]) == ("live", 1, "1")


async def test_a_function_sees_its_configuration_and_nothing_of_the_worker(
    service: WorkerService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORKERS_SECRET", "hidden")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hidden")
    monkeypatch.setenv("PYTHONPATH", "/workers")
    monkeypatch.setenv("WANTED", "passed")
    deployed = service.deploy(ONE, PYTHON.name, Environment={"MINE": "é", "TZ": "Europe/Paris"})
    async with pool(service, tmp_path, passed=["WANTED"]):
        seen = (await service.call("order", {"environment": True}, Version="3", **deployed)).json
    assert "hidden" not in seen.values()
    assert "/workers" not in seen["PYTHONPATH"]
    root = seen["LAMBDA_TASK_ROOT"]
    assert Path(root).name == deployed["CodeSha256"]
    assert {name: seen.get(name) for name in EXPECTED} == EXPECTED
    assert seen["LD_LIBRARY_PATH"] == f"{root}:{root}/lib"
    assert seen["HOME"] == seen["TMPDIR"]
    assert not await asyncio.to_thread(os.path.exists, seen["HOME"])  # it went with the process


EXPECTED = {
    "AWS_ACCESS_KEY_ID": "perdure",
    "AWS_EXECUTION_ENV": f"AWS_Lambda_{PYTHON.name}",
    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
    "AWS_LAMBDA_FUNCTION_NAME": "order",
    "AWS_LAMBDA_FUNCTION_VERSION": "3",
    "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
    "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/order",
    "AWS_REGION": "eu-west-3",
    "MINE": "é",
    "TZ": "Europe/Paris",
    "WANTED": "passed",
    "_HANDLER": "app.handler",
}


async def test_the_codes_own_copy_of_a_package_wins_and_others_are_there(
    service: WorkerService, tmp_path: Path
) -> None:
    handler = (
        "import boto3, botocore\ndef handler(e, c): return [boto3.__file__, botocore.__file__]\n"
    )
    code = zip_of({"app.py": handler, "boto3/__init__.py": ""})
    deployed = service.deploy(code, PYTHON.name)
    async with pool(service, tmp_path):
        own, lent = (await service.call("order", {}, **deployed)).json
    assert deployed["CodeSha256"] in own
    assert "site-packages" in lent


@pytest.mark.parametrize(
    ("files", "handler", "error_type", "message"),
    [
        ({"a.py": ""}, "app.handler", "Runtime.ImportModuleError", "No module named 'app'"),
        ({"app.py": "def x(:"}, "app.handler", "Runtime.UserCodeSyntaxError", "app.py"),
        ({"app.py": ""}, "app.handler", "Runtime.HandlerNotFound", "handler"),
        ({"app.py": ""}, "app", "Runtime.MalformedHandlerName", "Bad handler 'app'"),
        ({"app.py": "1/0"}, "app.handler", "ZeroDivisionError", "division by zero"),
    ],
)
async def test_code_that_will_not_do_is_told_and_the_next_deploy_works(
    service: WorkerService,
    tmp_path: Path,
    files: dict[str, str],
    handler: str,
    error_type: str,
    message: str,
) -> None:
    bad = service.deploy(zip_of(files), PYTHON.name, Handler=handler)
    good = service.deploy(ONE, PYTHON.name)
    async with pool(service, tmp_path):
        refused = await service.call("order", {}, **bad)
        worked = await service.call("order", {}, **good)
    assert refused.outcome == "init-error"
    assert refused.json["errorType"] == error_type
    assert message in refused.json["errorMessage"]
    assert worked.json["code"] == 1


async def test_code_that_is_no_zip_or_is_gone_is_told(
    service: WorkerService, tmp_path: Path
) -> None:
    broken = service.deploy(b"PK no zip", PYTHON.name)
    gone = {**broken, "CodeSha256": "0" * 64, "RevisionId": "gone"}
    async with pool(service, tmp_path):
        results = [await service.call("order", {}, **code) for code in (broken, gone)]
    assert [result.json["errorType"] for result in results] == ["Runtime.CodeUnavailable"] * 2
    assert "not a readable zip" in results[0].json["errorMessage"]


async def test_a_timeout_is_the_functions_own(service: WorkerService, tmp_path: Path) -> None:
    deployed = service.deploy(ONE, PYTHON.name)
    forever = {"started": str(tmp_path / "s"), "until": str(tmp_path / "never")}
    async with pool(service, tmp_path):
        result = await service.call("order", forever, timeout_seconds=0.5, **deployed)
        assert (await service.call("order", {}, **deployed)).outcome == "returned"
    assert result.json["errorType"] == "Sandbox.Timedout"
    assert result.json["errorMessage"].endswith("Task timed out after 0.50 seconds")


async def test_a_process_that_takes_too_much_memory_is_ended(
    service: WorkerService, tmp_path: Path
) -> None:
    hungry = "def handler(event, context): return len(bytearray(event << 20))\n"
    deployed = service.deploy(zip_of({"app.py": hungry}), PYTHON.name, MemorySize=128)
    async with pool(service, tmp_path):
        invocation = await service.invoke("hungry", 500, **deployed)
        result = await service.result(invocation)
        modest = await service.call("hungry", 20, **deployed)
    assert result.outcome == "exit"
    assert result.json == {
        "errorType": "Runtime.OutOfMemory",
        "errorMessage": f"RequestId: {invocation} Error: Runtime exited with error: signal: killed",
    }
    assert modest.json == 20 << 20


async def test_memory_of_what_a_function_started_counts(
    service: WorkerService, tmp_path: Path
) -> None:
    handler = (
        "import subprocess, sys\n"
        "def handler(event, context):\n"
        "    program = f'x = bytearray({event} << 20); import time; time.sleep(60)'\n"
        "    return subprocess.call([sys.executable, '-c', program])\n"
    )
    deployed = service.deploy(zip_of({"app.py": handler}), PYTHON.name, MemorySize=128)
    async with pool(service, tmp_path):
        invocation = await service.invoke("hungry", 500, **deployed)
        result = await service.result(invocation)
        await service.until(lambda: "REPORT" in "".join(service.logged(invocation)))
    assert result.json["errorType"] == "Runtime.OutOfMemory"
    assert "Max Memory Used: 128 MB" in service.logged(invocation)[-1]


@pytest.mark.javascript
async def test_javascript_is_run_with_what_lies_beside_its_client(
    service: WorkerService, tmp_path: Path, node_runtime: NodeRuntime
) -> None:
    handler = """
    import { word } from "a-package";
    export const handler = async (event) => {
      const eaten = Array.from({ length: event.eat ?? 0 }, () => Buffer.alloc(1 << 20, 1));
      if (eaten.length) return eaten.length;
      const lent = Object.keys(await import("@aws/durable-execution-sdk-js"));
      return { word, lent: lent.includes("withDurableExecution"), mine: process.env.MINE };
    };
    """
    package = {
        "node_modules/a-package/package.json": '{"name": "a-package", "exports": "./main.cjs"}',
        "node_modules/a-package/main.cjs": 'exports.word = "own";',
    }
    deployed = service.deploy(
        zip_of({"app.mjs": handler, **package}), node_runtime.name, Environment={"MINE": "1"}
    )
    async with pool(service, tmp_path, PYTHON_POOL, Pool(node_runtime, node_runtime.version)):
        answer = (await service.call("order", {}, **deployed)).json
        result = await service.call("order", {"eat": 600}, **deployed)
    assert answer == {"word": "own", "lent": True, "mine": "1"}
    assert result.json["errorType"] == "Runtime.OutOfMemory"
    assert [pool["Runtime"] for pool in service.registrations[0]["Pools"]] == [
        PYTHON.name,
        node_runtime.name,
    ]


async def test_a_drain_ends_the_processes_of_all_functions(
    service: WorkerService, tmp_path: Path
) -> None:
    deployed = service.deploy(ONE, PYTHON.name)
    lines = Lines()
    gate = tmp_path / "gate"
    async with pool(service, tmp_path, lines=lines) as worker:
        running = await service.invoke(
            "one", {"started": str(tmp_path / "s"), "until": str(gate)}, **deployed
        )
        await service.call("two", {}, **deployed)
        await service.until(lambda: service.held == [running])
        worker.stop()
        gate.touch()
        assert (await service.result(running)).outcome == "returned"
    assert runtimes_of(os.getpid()) == []
