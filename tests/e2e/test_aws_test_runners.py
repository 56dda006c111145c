"""AWS's own test runners, unmodified: the one for the cloud against this service, the local one
with handlers on our SDK."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_durable_execution_sdk_python.lambda_service import ErrorObject, InvocationStatus
from aws_durable_execution_sdk_python_testing import (
    DurableFunctionCloudTestRunner,
)

from tests.support.service import ServiceProcess


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """What boto3 wants to sign with."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "made-up")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "made-up")


def cloud(service: ServiceProcess, function: str) -> DurableFunctionCloudTestRunner:
    return DurableFunctionCloudTestRunner(
        f"{function}:$LATEST", "us-east-1", lambda_endpoint=service.url, poll_interval=0.05
    )


@pytest.mark.usefixtures("caller", "keys")
def test_the_runner_for_the_cloud_reads_operations_by_name(service: ServiceProcess) -> None:
    event: Any = {"orderId": "order-1", "waitSeconds": 1}
    result = cloud(service, "order").run(input=event)
    assert result.status is InvocationStatus.SUCCEEDED
    assert "completed" in str(result.result)
    assert "validated" in str(result.get_step("validate").result)
    assert result.get_wait("warehouse").scheduled_end_timestamp is not None


@pytest.mark.usefixtures("caller", "keys")
def test_the_runner_for_the_cloud_completes_callbacks(service: ServiceProcess) -> None:
    runner = cloud(service, "workflows")
    event: Any = {"workflow": "approval"}
    arn = runner.run_async(input=event)
    callback_id = runner.wait_for_callback(arn)
    runner.send_callback_heartbeat(callback_id)
    runner.send_callback_success(callback_id, b'"yes"')
    assert runner.wait_for_result(arn).status is InvocationStatus.SUCCEEDED

    arn = runner.run_async(input=event)
    refusal = ErrorObject(message="no", type="Denied", data=None, stack_trace=None)
    runner.send_callback_failure(runner.wait_for_callback(arn), refusal)
    assert runner.wait_for_result(arn).status is InvocationStatus.FAILED


def test_the_local_runner_runs_a_handler_on_our_sdk() -> None:
    script = Path(__file__).parent / "handlers" / "local_runner.py"
    done = subprocess.run(
        [sys.executable, script], check=True, capture_output=True, text=True, timeout=60
    )
    found = json.loads(done.stdout)
    assert json.loads(found.pop("result")) == [7, {"attempt": 2}, [2, 4]]
    assert found == {"status": "SUCCEEDED", "attempts": 2, "doubles": "SUCCEEDED"}
