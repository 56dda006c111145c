"""Functions' logs from the process that writes them to whoever reads them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from perdure.worker.node_runtime import NodeRuntime
from tests.support.caller import Caller
from tests.support.cloudwatch import events_of, messages_of
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import WorkerProcess, running_worker

HANDLERS = Path(__file__).parent / "handlers"
AWS_CLI = Path("/usr/bin/aws")
"""Debian's, which is version 2; the one of PyPI has no `logs tail`."""


OURS = {
    "platform.start",
    "platform.report",
    "printed",
    "of the context",
    "of the step",
    "after the wait",
}
"""What the function says; boto3 logs too, that it found credentials."""


@pytest.fixture(scope="module")
def worker(
    service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    specs = [f"{HANDLERS}/talkative.py", f"{HANDLERS}/chatter.py"]
    folder = tmp_path_factory.mktemp("talkative")
    options = ["--plain", "chatter", "--concurrency", "1"]
    with running_worker(folder, service.url, specs, options=options) as worker:
        yield worker


@pytest.fixture(scope="module")
def caller(service: ServiceProcess, worker: WorkerProcess) -> Caller:
    return Caller(service.url)


def test_the_lines_of_an_execution_are_found_by_operation(
    caller: Caller, service: ServiceProcess
) -> None:
    caller.client.update_function_configuration(
        FunctionName="talkative", LoggingConfig={"LogFormat": "JSON", "LogGroup": "shared/group"}
    )
    answer = caller.call("talkative:$LATEST", {})
    assert (answer.json, answer.error) == ("done", None)
    assert answer.arn is not None
    path = f"{service.url}/v1/executions/{answer.arn}/logs"

    def lines(**query: str) -> list[Any]:
        found: list[Any] = httpx.get(path, params=query).json()["lines"]
        return found

    eventually(lambda: sum("platform.report" in line["message"] for line in lines()) == 2)
    seen = _said_in(lines())
    started, reported = "platform.start", "platform.report"
    first = ["printed", "of the context", "of the step"]
    assert seen[0] == started
    assert sorted(seen[1:4]) == sorted(first)  # pipes of their own
    assert seen[4:6] == [reported, started]
    assert sorted(seen[6:8]) == sorted(["printed", "after the wait"])
    assert seen[8:] == [reported]
    (of_the_step,) = [line for line in lines() if "of the step" in line["message"]]
    told = json.loads(of_the_step["message"])
    assert told["executionArn"] == answer.arn
    assert lines(operation_id=told["operationId"]) == [of_the_step]
    requests = {line["request_id"] for line in lines()}
    assert len(requests) == 2
    of_request = lines(request_id=of_the_step["request_id"])
    assert _said_in(of_request) == seen[:5]
    events = events_of(service.url, "shared/group")
    assert all("/talkative[$LATEST]" in event["logStreamName"] for event in events)
    of_function = httpx.get(f"{service.url}/v1/functions/talkative/logs", params={"limit": 1000})
    assert len(of_function.json()["lines"]) == len(events)


def _said_in(lines: list[Any]) -> list[str]:
    said = [_said(line["message"]) for line in lines]
    return [one for one in said if one in OURS]


def _said(message: str) -> str:
    try:
        document = json.loads(message)
    except ValueError:
        return message
    return str(document.get("type") or document["message"])


def test_the_tail_of_an_invocation_comes_with_its_answer(caller: Caller) -> None:
    answer = caller.client.invoke(FunctionName="chatter", LogType="Tail", Payload=b'{"lines": 3}')
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[0].startswith("START RequestId: ")
    assert lines[1:4] == ["line 0", "line 1", "line 2"]
    assert lines[4].startswith("END RequestId: ")
    assert lines[5].startswith("REPORT RequestId: ")


def test_the_aws_cli_follows_a_log(caller: Caller, service: ServiceProcess) -> None:
    assert AWS_CLI.exists(), "apt-get install awscli"
    environment = {
        **os.environ,
        "AWS_ACCESS_KEY_ID": "made-up",
        "AWS_SECRET_ACCESS_KEY": "made-up",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONUNBUFFERED": "1",
    }
    environment.pop("PYTHONPATH", None)
    caller.call("chatter", {"lines": 1})
    eventually(lambda: messages_of(service.url, "/aws/lambda/chatter", filterPattern="REPORT"))
    command: list[str | Path] = [
        AWS_CLI,
        "logs",
        "tail",
        "/aws/lambda/chatter",
        "--follow",
        "--format",
        "short",
    ]
    with subprocess.Popen(
        [*command, "--endpoint-url", service.url],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as tail:
        try:
            assert tail.stdout is not None
            _read_until(tail.stdout, "REPORT RequestId: ")
            caller.call("chatter", {"lines": 77})
            assert "line 76" in _read_until(tail.stdout, "line 76")
        finally:
            tail.terminate()


def _read_until(lines: Iterator[str], text: str) -> str:
    for line in lines:
        if text in line:
            return line
    raise AssertionError(f"the output ended without {text}")


@pytest.mark.javascript
def test_the_lines_of_nodejs_are_found_by_operation(
    service: ServiceProcess, tmp_path: Path, node_runtime: NodeRuntime
) -> None:
    file = tmp_path / "node-talks" / "node-talks.mjs"
    file.parent.mkdir()
    file.write_text(
        """
import { withDurableExecution } from "@aws/durable-execution-sdk-js";
export const handler = withDurableExecution(async (event, context) => {
    console.log("printed");
    return await context.step("talk", async (step) => {
        step.logger.info("of the step");
        return "done";
    });
});
"""
    )
    modules = node_runtime.client.parents[2]
    options = ["--node-runtime", str(modules)]
    with running_worker(tmp_path / "worker", service.url, [str(file)], options=options):
        caller = Caller(service.url)
        answer = caller.call("node-talks:$LATEST", {})
        assert answer.json == "done"
        path = f"{service.url}/v1/executions/{answer.arn}/logs"
        eventually(lambda: "REPORT RequestId: " in httpx.get(path).text)
        lines = httpx.get(path).json()["lines"]
    (of_the_step,) = [line for line in lines if "of the step" in line["message"]]
    assert of_the_step["operation_id"]
    assert any("printed" in line["message"] for line in lines)
    assert len({line["request_id"] for line in lines}) == 1
