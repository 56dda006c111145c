"""Handlers on AWS's own SDK, in the kit."""

from __future__ import annotations

from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, StepConfig
from aws_durable_execution_sdk_python.retries import RetryStrategyConfig, create_retry_strategy

from perdure.testing import DurableTestRunner
from perdure.testing.aws import aws_function


def charge(step: StepContext) -> str:
    if step.attempt == 1:
        raise ConnectionError("the bank is busy")
    return "charged"


@durable_execution
def order(event: dict[str, Any], context: DurableContext) -> list[Any]:
    retries = create_retry_strategy(RetryStrategyConfig(max_attempts=3))
    charged = context.step(charge, name="charge", config=StepConfig(retry_strategy=retries))
    context.wait(Duration.from_hours(1), name="nap")
    approved = context.wait_for_callback(lambda callback_id, _: None, name="approval")
    return [event["id"], charged, approved]


def test_a_handler_of_awss_sdk_runs_unchanged() -> None:
    runner = DurableTestRunner()
    runner.crash("after", 2)
    execution = runner.run(aws_function(order), {"id": 7})
    assert execution.step("charge").attempts == 2
    execution.callback("approval").succeed('"yes"')
    assert execution.result[:2] == [7, "charged"]
    execution.check_determinism()
