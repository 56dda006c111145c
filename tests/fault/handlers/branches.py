"""Many steps side by side, each of which leaves a trace."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import NestingType, ParallelConfig


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


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> list[str]:
    """`branches` of them, each with a context of its own unless they are to lie `flat`."""

    def branch(number: int) -> Callable[[DurableContext], str]:
        def work(_: StepContext) -> str:
            return trace(event, f"step-{number}")

        return lambda inner: inner.step(work, name=f"step-{number}")

    config = ParallelConfig(
        max_concurrency=16,
        nesting_type=NestingType.FLAT if event["flat"] else NestingType.NESTED,
    )
    branches = [branch(number) for number in range(event["branches"])]
    done = context.parallel(branches, name="all", config=config)
    results: list[str] = done.get_results()
    return results
