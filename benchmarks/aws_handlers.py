"""One workflow on AWS's SDK, over boto3 and over perdure.aws.fast_client: as many steps that do
nothing as the event says. It returns the seconds that each took."""

from __future__ import annotations

import time
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution

from perdure.aws import fast_client


def nothing(_: StepContext) -> None:
    return None


def steps(event: dict[str, Any], context: DurableContext) -> float:
    count: int = event["steps"]
    began = time.perf_counter()
    for number in range(count):
        context.step(nothing, name=f"step {number}")
    return (time.perf_counter() - began) / count


with_boto3 = durable_execution(steps)
with_fast_client = durable_execution(steps, boto3_client=fast_client())
