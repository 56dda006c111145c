"""The agent with Node.js and AWS's runtime client for it, as for Python in test_agent_runtime."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from perdure.worker.functions import ServedFunction
from perdure.worker.handler_spec import parse_handler_spec
from perdure.worker.node_runtime import NodeRuntime
from tests.support.agent import PYTHON, Lines, agent, agent_of
from tests.support.javascript import FOLDER
from tests.support.waiting import eventually
from tests.support.worker_service import WorkerService

pytestmark = pytest.mark.javascript

HANDLER = """
import { existsSync, writeFileSync } from "node:fs";
import { setTimeout } from "node:timers/promises";
import { word } from "a-package";

console.log(`loaded by ${process.pid}`);

export const handler = async (event, context) => {
  if (event.env) return Object.fromEntries(event.env.map((name) => [name, process.env[name]]));
  if (event.exit !== undefined) process.exit(event.exit);
  if (event.kill) process.kill(process.pid, "SIGKILL");
  if (event.throw) throw new RangeError(event.throw);
  if (event.import) return Object.keys(await import(event.import));
  if (event.started) {
    writeFileSync(event.started, "");
    while (!existsSync(event.until)) await setTimeout(5);
  }
  return {
    version: 1,
    event,
    word,
    pid: process.pid,
    file: import.meta.filename,
    id: context.awsRequestId,
    arn: context.invokedFunctionArn,
    milliseconds: context.getRemainingTimeInMillis(),
    function: context.functionName,
    functionVersion: context.functionVersion,
  };
};
"""


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """A handler with a package of its own beside it."""
    folder = tmp_path / "some code"
    package = folder / "node_modules" / "a-package"
    package.mkdir(parents=True)
    (package / "package.json").write_text('{"name": "a-package", "exports": "./main.cjs"}')
    (package / "main.cjs").write_text('exports.word = "theirs";')
    edit(folder / "app.mjs", HANDLER)
    return folder / "app.mjs"


def edit(file: Path, text: str) -> None:
    file.write_text(text)


async def test_a_function_is_registered_as_one_of_its_runtime(
    service: WorkerService, code: Path, node_runtime: NodeRuntime
) -> None:
    async with agent(service, code, runtime=node_runtime):
        (registration,) = service.registrations
    (function,) = registration["Functions"]
    assert (function["Runtime"], function["Handler"]) == ("nodejs24.x", "app.handler")


async def test_a_runtime_finds_the_environment_of_lambda(
    service: WorkerService, code: Path, node_runtime: NodeRuntime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NODE_PATH", "/mine")
    monkeypatch.setenv("PYTHONPATH", "/for/another/language")
    names = ["AWS_EXECUTION_ENV", "AWS_REGION", "LAMBDA_TASK_ROOT", "NODE_PATH", "PYTHONPATH"]
    async with agent(service, code, runtime=node_runtime):
        seen = (await service.call("hello", {"env": names})).json
    assert seen == {
        "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs24.x",
        "AWS_REGION": "eu-west-3",
        "LAMBDA_TASK_ROOT": str(code.parent),
        "NODE_PATH": f"/mine:{FOLDER}/node_modules",
        "PYTHONPATH": "/for/another/language",
    }


async def test_the_packages_beside_the_client_are_there_as_on_lambda(
    service: WorkerService, code: Path, node_runtime: NodeRuntime
) -> None:
    async with agent(service, code, runtime=node_runtime):
        sdk = await service.call("hello", {"import": "@aws/durable-execution-sdk-js"})
        missing = await service.call("hello", {"import": "not-installed-anywhere"})
    assert "withDurableExecution" in sdk.json
    assert missing.json["errorType"] == "Error"
    assert "Cannot find package 'not-installed-anywhere'" in missing.json["errorMessage"]
    assert str(code) in missing.json["errorMessage"]


async def test_what_a_function_writes_carries_its_name(
    service: WorkerService, code: Path, node_runtime: NodeRuntime
) -> None:
    lines = Lines()
    edit(
        code,
        "export const handler = async () => {\n"
        "  console.log('logged %s', 'so');\n"
        "  console.warn('in\\ntwo lines');\n"
        "  process.stdout.write('to stdout\\n');\n"
        "  process.stderr.write('to stderr\\n');\n"
        "  process.stdout.write('without an end', () => process.exit(1));\n"
        "  await new Promise(() => {});\n"
        "};\n",
    )
    async with agent(service, code, runtime=node_runtime, lines=lines):
        await service.call("hello", {})
    written = [text for name, text in lines.seen if name == "hello"]
    assert {"to stdout", "to stderr", "without an end", "two lines"} <= set(written)
    assert any(text.endswith("\tINFO\tlogged so") for text in written)
    assert any(text.endswith("\tWARN\tin") for text in written)


async def test_edited_code_is_loaded_and_what_runs_ends_on_the_old(
    service: WorkerService, code: Path, node_runtime: NodeRuntime, tmp_path: Path
) -> None:
    started, gate = tmp_path / "started", tmp_path / "gate"
    async with agent(service, code, runtime=node_runtime, reload=True):
        running = await service.invoke("hello", {"started": str(started), "until": str(gate)})
        await asyncio.to_thread(eventually, started.exists)
        edit(code, HANDLER.replace("version: 1", "version: 2"))
        await service.until(lambda: len(service.code) == 2)
        after = (await service.call("hello", {})).json
        package = code.parent / "node_modules" / "a-package" / "main.cjs"
        edit(package, 'exports.word = "another";')
        await service.until(lambda: len(service.code) == 3)
        last = (await service.call("hello", {})).json
        gate.touch()
        ended = (await service.result(running)).json
    assert [seen["version"] for seen in (ended, after, last)] == [1, 2, 2]
    assert [seen["word"] for seen in (ended, after, last)] == ["theirs", "theirs", "another"]


async def test_a_published_version_runs_its_own_copy_with_its_own_packages(
    service: WorkerService, code: Path, node_runtime: NodeRuntime
) -> None:
    async with agent(service, code, runtime=node_runtime):
        await service.until(lambda: bool(service.code))
        (sha256,) = service.code
        edit(code, HANDLER.replace("version: 1", "version: 2"))
        package = code.parent / "node_modules" / "a-package" / "main.cjs"
        edit(package, 'exports.word = "another";')
        published = {"CodeSha256": sha256, "Version": "7"}
        result = (await service.call("hello", {}, **published)).json
        sdk = await service.call("hello", {"import": "@aws/durable-execution-sdk-js"}, **published)
    assert (result["version"], result["word"], result["functionVersion"]) == (1, "theirs", "7")
    assert Path(result["file"]).parent.name == sha256
    assert "withDurableExecution" in sdk.json


async def test_functions_of_two_languages_share_a_worker(
    service: WorkerService, tmp_path: Path, node_runtime: NodeRuntime
) -> None:
    (tmp_path / "one.py").write_text("def handler(event, context): return 'Python'\n")
    (tmp_path / "two.cjs").write_text("exports.handler = async () => 'JavaScript';\n")
    functions = [
        ServedFunction(parse_handler_spec(str(tmp_path / "one.py")), PYTHON, None, 30),
        ServedFunction(parse_handler_spec(str(tmp_path / "two.cjs")), node_runtime, None, 30),
    ]
    async with agent_of(service, functions, tmp_path, concurrency=1):
        one = await service.call("one", {}, Handler="one.handler")
        two = await service.call("two", {}, Handler="two.handler")
    assert (one.json, two.json) == ("Python", "JavaScript")
