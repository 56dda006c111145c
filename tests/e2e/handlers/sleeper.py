"""A durable function that takes too long in a step, the first time."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> str:
    def nap(_: StepContext) -> str:
        marker = Path(event["file"])
        if not marker.exists():
            marker.touch()
            time.sleep(600)
        return "awake"

    return context.step(nap, name="nap")
