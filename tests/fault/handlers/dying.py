"""A step that dies in the ways that it is told, one after the other, and then succeeds."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> str:
    def work(_: StepContext) -> str:
        runs = Path(event["file"])
        ways = event["deaths"][len(runs.read_text()) if runs.exists() else 0 :]
        with runs.open("a") as file:
            file.write(".")
        if not ways:
            return "alive"
        if ways[0] == "out of memory":  # what the kernel does then
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(60)
        return "too late"

    result: str = context.step(work, name="work")
    return result
