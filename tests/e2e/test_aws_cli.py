"""The life of a function as somebody with the AWS CLI sees it, once per language."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.languages import ROLE, Language
from tests.support.processes import LoggedProcess, clean_environment
from tests.support.service import ServiceProcess

pytestmark = pytest.mark.aws_cli

VERSION_1 = Path(__file__).parents[2] / ".venv" / "awscli" / "bin" / "aws"
"""Made by scripts/setup-environments. It knows durable executions, and cannot follow a log."""
VERSION_2 = Path("/usr/bin/aws")
"""Debian's, which can follow a log, and is too old for durable executions."""

_LONGEST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class AwsCli:
    url: str
    folder: Path

    def __call__(self, service: str, operation: str, **options: str) -> Any:
        """Run `aws SERVICE OPERATION --OPTION VALUE`; its answer."""
        words = [w for name, value in options.items() for w in (_option(name), value)]
        command: list[str | Path] = [VERSION_1, service, *operation.split(), *words]
        if operation == "invoke":
            command.append("out.json")
        done = subprocess.run(
            command,
            check=False,
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout) if done.stdout else None

    def invoke(self, target: str, event: Any, **options: str) -> tuple[dict[str, Any], Any]:
        """The answer, and what the function returned."""
        (self.folder / "event.json").write_text(json.dumps(event))
        answer = self(
            "lambda", "invoke", function_name=target, payload="fileb://event.json", **options
        )
        text = (self.folder / "out.json").read_text()
        return answer, json.loads(text) if text else None

    def environment(self) -> dict[str, str]:
        return clean_environment(
            {
                "AWS_ENDPOINT_URL": self.url,
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_ACCESS_KEY_ID": "made-up",
                "AWS_SECRET_ACCESS_KEY": "made-up",
                "AWS_CONFIG_FILE": "/dev/null",
                "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
                "AWS_DEFAULT_OUTPUT": "json",
                "AWS_MAX_ATTEMPTS": "1",
                "AWS_PAGER": "",
                "PYTHONPATH": "",  # each has packages of its own
            }
        )


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


@pytest.fixture
def aws(service: ServiceProcess, tmp_path: Path) -> AwsCli:
    for program, advice in (
        (VERSION_1, "run `sh scripts/setup-environments`"),
        (VERSION_2, "install version 2, as Debian's package awscli"),
    ):
        assert program.is_file(), (
            f"{program} is missing: {advice}, or leave these tests out with -m 'not aws_cli'"
        )
    return AwsCli(service.url, tmp_path)


@pytest.fixture
def follower(aws: AwsCli, name: str, tmp_path: Path) -> Iterator[LoggedProcess]:
    """`aws logs tail --follow`, not started yet."""
    command: list[str | Path] = [VERSION_2, "logs", "tail", f"/aws/lambda/{name}", "--follow"]
    command += ["--endpoint-url", aws.url, "--format", "short"]
    process = LoggedProcess(command, tmp_path / "tail.log", aws.environment())
    yield process
    process.kill()


def test_an_order_from_creation_to_clean_up(
    aws: AwsCli, language: Language, name: str, follower: LoggedProcess
) -> None:
    (aws.folder / "code.zip").write_bytes(language.zip())
    created = aws(
        "lambda",
        "create-function",
        function_name=name,
        runtime=language.runtime,
        role=ROLE,
        handler=language.handler,
        zip_file="fileb://code.zip",
        durable_config="ExecutionTimeout=600,RetentionPeriodInDays=1",
        timeout="60",
        memory_size="512",
    )
    assert created["DurableConfig"] == {"ExecutionTimeout": 600, "RetentionPeriodInDays": 1}
    aws("lambda", "wait function-active-v2", function_name=name)
    published = aws("lambda", "publish-version", function_name=name, description="Initial version")
    assert published["Version"] == "1"

    answer, result = aws.invoke(f"{name}:1", {"orderId": "order-12345", "waitSeconds": 1})
    assert (answer["StatusCode"], answer["ExecutedVersion"]) == (200, "1")
    assert [step["status"] for step in result["steps"]] == ["validated", "paid", "confirmed"]
    follower.start()
    follower.until(lambda: "Validating order order-12345" in follower.output)

    arn = answer["DurableExecutionArn"]
    listed = aws("lambda", "list-durable-executions-by-function", function_name=name)
    assert [one["DurableExecutionArn"] for one in listed["DurableExecutions"]] == [arn]
    execution = aws("lambda", "get-durable-execution", durable_execution_arn=arn)
    assert execution["Status"] == "SUCCEEDED"
    history = aws("lambda", "get-durable-execution-history", durable_execution_arn=arn)
    assert history["Events"][0]["EventType"] == "ExecutionStarted"
    assert history["Events"][-1]["EventType"] == "ExecutionSucceeded"

    (aws.folder / "code.zip").write_bytes(language.zip("delivered"))
    aws("lambda", "update-function-code", function_name=name, zip_file="fileb://code.zip")
    started, nothing = aws.invoke(
        f"{name}:$LATEST",
        {"orderId": "order-2", "waitSeconds": 3600},
        invocation_type="Event",
        durable_execution_name="second",
    )
    assert (started["StatusCode"], nothing) == (202, None)
    follower.until(lambda: "order order-2" in follower.output)
    aws("lambda", "stop-durable-execution", durable_execution_arn=started["DurableExecutionArn"])

    aws("lambda", "delete-function", function_name=name)
    aws("logs", "delete-log-group", log_group_name=f"/aws/lambda/{name}")
    assert aws("lambda", "list-functions", query=f"Functions[?FunctionName=='{name}']") == []
