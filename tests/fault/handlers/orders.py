"""Orders whose steps leave a trace in a file, each run under a number of its own."""

from __future__ import annotations

import os
import time
import uuid
from pathlib import Path
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration

PATIENCE_SECONDS = 120


def trace(event: dict[str, Any], step: str) -> str:
    """Append "order step run pid" in one write; the run's number, which is the step's result."""
    run = uuid.uuid4().hex
    line = f"{event['order']} {step} {run} {os.getpid()}\n"
    file = os.open(event["file"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)
    return run


def until_there(path: str) -> None:
    limit = time.monotonic() + PATIENCE_SECONDS
    while not Path(path).exists():
        if time.monotonic() > limit:
            raise TimeoutError(path)
        time.sleep(0.01)


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> list[str]:
    """validate, pay (held until the event's gate is there), wait, another order, confirm."""

    def step(name: str) -> str:
        def work(_: StepContext) -> str:
            run = trace(event, name)
            if name == "pay" and "gate" in event:
                until_there(event["gate"])
            return run

        return context.step(work, name=name)

    runs = [step("validate"), step("pay")]
    if event.get("wait"):
        context.wait(Duration.from_seconds(event["wait"]), name="warehouse")
    if "child" in event:
        context.invoke("orders:$LATEST", event["child"], name="child")
    return [*runs, step("confirm")]
