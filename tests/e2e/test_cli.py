"""`perdure` as people and scripts run it: a process, its two outputs and its exit code."""

from __future__ import annotations

import json
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.caller import Caller
from tests.support.command_line import Shell, running_in_terminal
from tests.support.processes import clean_environment
from tests.support.service import ServiceProcess
from tests.support.waiting import eventually
from tests.support.worker import PERDURE, running_worker

ORDER = Path(__file__).parents[2] / "examples" / "order" / "lambda_function.py"
EVENT = '{"orderId": "order-1", "waitSeconds": 1}'


@pytest.fixture
def perdure(service: ServiceProcess, caller: Caller) -> Shell:
    """The command, told where the service is. A worker serves functions."""
    return Shell(clean_environment({"PERDURE_URL": service.url}))


def test_an_execution_from_its_call_to_its_deletion(perdure: Shell, name: str) -> None:
    invoked = perdure("invoke", "order", "-p", "-", "--name", name, stdin=EVENT)
    assert (invoked.code, json.loads(invoked.output)["status"]) == (0, "completed")
    assert "$LATEST" in invoked.errors

    shown = perdure("executions", "show", f"order/{name}", "--json").json
    assert (shown["status"], shown["input"]) == ("SUCCEEDED", json.loads(EVENT))
    assert [one["name"] for one in shown["operations"]] == [
        "validate",
        "pay",
        "warehouse",
        "confirm",
    ]
    report = perdure("executions", "show", f"order/{name}").output
    assert f"arn        {shown['arn']}" in report
    assert "warehouse  Wait  SUCCEEDED" in report

    history = perdure("executions", "history", shown["arn"], "--json", "-n", "2").output
    types = [json.loads(line)["type"] for line in history.splitlines()]
    assert types == ["ExecutionStarted", "StepStarted"]
    watched = perdure("executions", "watch", shown["arn"])
    assert (watched.code, watched.output.splitlines()[-1].split()[-1]) == (0, "ExecutionSucceeded")

    assert perdure("executions", "delete", shown["arn"]).code == 2
    deleted = perdure("executions", "delete", shown["arn"], "--yes", "--json")
    assert deleted.json["execution_arn"] == shown["arn"]
    assert perdure("executions", "show", f"order/{name}").code == 3


def test_what_is_called_without_waiting_is_listed_and_stopped(perdure: Shell, name: str) -> None:
    started = perdure("invoke", "order:$LATEST", "--async", "--name", name, "-p", _event(3_600))
    arn = started.output.strip()
    listed = perdure("executions", "list", "order", "--status", "RUNNING", "--json").json
    assert arn in [one["arn"] for one in listed]
    table = perdure("executions", "list", "--name", name[:8], "--since", "1h").output.splitlines()
    assert table[0].split() == ["STATUS", "STARTED", "TOOK", "FUNCTION", "VERSION", "NAME"]
    assert name in " ".join(table[1:])
    waited = perdure(
        "invoke", "order:$LATEST", "--name", name, "-p", _event(3_600), "--timeout", "0"
    )
    assert waited.code == 6
    assert f"perdure executions watch '{arn}'" in waited.errors
    assert perdure("executions", "pause", arn, "--reason", "look").code == 0
    assert "look" in perdure("executions", "show", arn).output
    assert perdure("executions", "resume", arn).code == 0
    assert perdure("executions", "stop", arn, "-m", "enough", "--type", "Mistake").code == 0
    again = perdure("invoke", "order:$LATEST", "--name", name, "-p", _event(3_600))
    assert (again.code, again.output) == (1, "")
    assert "Mistake: enough" in again.errors
    as_json = perdure("invoke", "order:$LATEST", "--name", name, "-p", _event(3_600), "--json")
    assert (as_json.code, as_json.json["error"]["type"]) == (1, "Mistake")


def test_a_step_that_waits_for_its_next_attempt_is_shown_with_its_last_error(
    perdure: Shell, caller: Caller, name: str
) -> None:
    event = {"workflow": "retry", "message": "not yet"}
    arn = caller.start("workflows:$LATEST", event, name=name)
    caller.until_event(arn, "StepFailed")
    (row,) = [
        line for line in perdure("executions", "show", arn).output.splitlines() if "unlucky" in line
    ]
    assert row.split()[:4] == ["unlucky", "Step", "PENDING", "1"]
    assert row.endswith("LookupError: not yet")
    assert perdure("executions", "stop", arn).code == 0


def test_a_callback_is_completed(perdure: Shell, caller: Caller, name: str) -> None:
    arn = caller.start("workflows:$LATEST", {"workflow": "approval"}, name=name)
    opened = caller.until_event(arn, "CallbackStarted")
    callback_id = opened["CallbackStartedDetails"]["CallbackId"]
    assert callback_id in perdure("executions", "show", arn).output
    assert perdure("callbacks", "heartbeat", callback_id).code == 0
    assert perdure("callbacks", "succeed", callback_id, "-r", '{"ok": true}').code == 0
    assert caller.until_closed(arn)["Status"] == "SUCCEEDED"
    late = perdure("callbacks", "fail", callback_id, "-m", "no")
    assert (late.code, late.output) == (5, "")


def test_a_plain_function_is_called(perdure: Shell) -> None:
    answer = perdure("invoke", "plain", "-p", '{"a": 1}')
    assert answer.code == 0
    assert json.loads(answer.output)


def test_failures_have_codes_and_say_what_to_do(perdure: Shell) -> None:
    missing = perdure("invoke", "nobody", "--json")
    assert missing.code == 3
    assert json.loads(missing.errors)["error"] == "NotFound"
    assert perdure("invoke", "plain", "-p", "{").code == 2
    assert perdure("invoke", "plain", "-p", "").code == 2
    named = perdure("invoke", "plain", "--name", "once")
    assert (named.code, "leave out --name" in " ".join(named.errors.split())) == (2, True)
    both = perdure("invoke", "plain", "-p", "1", "--event", "large")
    assert (both.code, "--payload or --event" in " ".join(both.errors.split())) == (2, True)
    nowhere = perdure("executions", "list", "--endpoint", "http://127.0.0.1:1")
    assert nowhere.code == 4
    assert "Is it running" in nowhere.errors
    aws = perdure("executions", "list", "--endpoint", "aws")
    assert aws.code == 2
    assert "AWS_REGION" in aws.errors


def test_who_watches_on_a_terminal_sees_a_table_and_may_leave(
    perdure: Shell, caller: Caller, name: str
) -> None:
    command = [str(PERDURE), "invoke", "order:$LATEST", "--name", name, "-p", _event(3_600)]
    with running_in_terminal(command, perdure.environment) as terminal:
        eventually(lambda: "warehouse" in terminal.seen and "STARTED" in terminal.seen, 60)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 130
        eventually(lambda: "It goes on" in terminal.seen)
    (found,) = perdure("executions", "list", "order", "--name", name, "--json").json
    assert found["status"] == "RUNNING"
    perdure("executions", "stop", found["arn"])


def test_a_log_is_followed_until_ctrl_c(perdure: Shell, caller: Caller) -> None:
    assert perdure("invoke", "plain", "-p", "1").code == 0
    command = [str(PERDURE), "logs", "plain", "--follow", "-n", "1"]
    with running_in_terminal(command, perdure.environment) as terminal:
        eventually(lambda: terminal.seen, 60)
        answer = caller.call("plain", "followed")
        eventually(lambda: answer.json["id"] in terminal.seen, 60)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.process.wait(30) == 130


def _event(wait_seconds: int) -> str:
    return json.dumps({"orderId": "order-1", "waitSeconds": wait_seconds})


@pytest.fixture
def order(tmp_path: Path, name: str) -> Path:
    """The order example in a folder of this test's own, which names the function."""
    folder = tmp_path / name
    folder.mkdir()
    shutil.copy(ORDER, folder / "lambda_function.py")
    (folder / "notes.md").touch()
    return folder


@pytest.fixture
def pool(service: ServiceProcess, tmp_path: Path) -> Iterator[str]:
    """A runtime that a worker offers."""
    runtime = f"python{sys.version_info.major}.{sys.version_info.minor}"
    with running_worker(tmp_path / "pool", service.url, [], options=["--pool", runtime]):
        yield runtime


def test_a_folder_is_deployed_run_changed_and_deleted(
    perdure: Shell, pool: str, order: Path, name: str
) -> None:
    first = perdure("deploy", order, "--alias", "live", "--exclude", "*.md", "--env", "STAGE=one")
    assert first.code == 0, first.errors
    told = first.errors.splitlines()
    assert told[0] == name
    assert {"  published version 1", "  alias live leads to 1", f"  runtime {pool}"} <= set(told)
    again = perdure("deploy", order, "--alias", "live", "--exclude", "*.md")
    assert again.errors.splitlines() == [name, "  unchanged"]

    assert perdure("events", "save", name, "first", "-p", EVENT).code == 0
    result = perdure("invoke", f"{name}:live", "--event", "first")
    assert (result.code, json.loads(result.output or "{}").get("status")) == (0, "completed")

    (arn,) = [one["arn"] for one in perdure("executions", "list", name, "--json").json]
    logged = perdure("logs", "--execution", arn, "--json").output.splitlines()
    kinds = [json.loads(line)["message"].split()[0] for line in logged]
    assert {"START", "END", "REPORT"} <= set(kinds)
    ends = perdure("logs", name, "--filter", "END", "--since", "1h").output.splitlines()
    assert ends
    assert all("END" in line for line in ends)

    (order / "lambda_function.py").write_text(f"{ORDER.read_text()}\n# changed\n")
    arguments = ("--alias", "live", "--timeout", "20", "--exclude", "*.md", "--json")
    changed = perdure("deploy", order, *arguments).json[0]
    assert changed["version"] == "2"
    whats = [change["what"] for change in changed["changes"]]
    assert whats == ["timeout in seconds", "code", "published version", "alias live leads to"]
    listed = perdure("versions", name, "--json").json
    assert [one["version"] for one in listed["versions"]] == ["$LATEST", "1", "2"]
    assert [one["version"] for one in listed["aliases"]] == ["2"]
    (row,) = [one for one in perdure("functions", "--json").json if one["name"] == name]
    assert (row["published_versions"], row["environment"]) == (2, {"STAGE": "one"})
    assert len(row["served_by"]) == 1
    assert any(pool in one for one in perdure("workers").output.splitlines())

    assert perdure("delete", name).code == 2
    assert perdure("delete", name, "--yes").code == 0
    assert perdure("versions", name).code == 3


def test_a_template_is_deployed(perdure: Shell, order: Path, name: str) -> None:
    (order.parent / "template.yaml").write_text(
        "Parameters: {Name: {Type: String}}\n"
        "Resources:\n  Order:\n    Type: AWS::Serverless::Function\n    Properties:\n"
        f"      FunctionName: !Ref Name\n      CodeUri: {order.name}\n"
        "      Runtime: python3.7\n      DurableConfig: {ExecutionTimeout: 60}\n"
        "      Policies: [AWSLambdaBasicDurableExecutionRolePolicy]\n"
    )
    template = ("--template", order.parent / "template.yaml", "--parameter", f"Name={name}")
    done = perdure("deploy", *template, "--json")
    assert done.code == 0, done.errors
    assert done.json[0]["function"]["durable"]["execution_timeout_seconds"] == 60
    assert "Order.Policies" in done.errors
    assert "No worker runs python3.7" in done.errors
    called = perdure("invoke", name)
    assert called.code == 5
    assert "python3.7" in called.errors


def test_a_folder_that_cannot_be_deployed_changes_nothing(
    perdure: Shell, order: Path, name: str
) -> None:
    (order / "lambda_function.py").write_text("def handler(:\n")
    refused = perdure("deploy", order, "--json")
    assert (refused.code, refused.output) == (5, "")
    assert "is not Python" in json.loads(refused.errors)["message"]
    assert perdure("versions", name).code == 3
    assert perdure("deploy", "nowhere").code == 2
