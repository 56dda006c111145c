"""A job that runs elsewhere: start it once, then look again and again, with growing pauses."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import (
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import Duration, JitterStrategy
from aws_durable_execution_sdk_python.types import WaitForConditionCheckContext
from aws_durable_execution_sdk_python.waits import (
    WaitForConditionConfig,
    WaitForConditionDecision,
    WaitStrategyConfig,
    create_wait_strategy,
)

LOOKS_NEEDED = 3


@durable_step
def start_job(step: StepContext, report: str) -> str:
    step.logger.info("Starting the job for %s", report)
    return f"job-of-{report}"


def look(state: dict[str, Any], check: WaitForConditionCheckContext) -> dict[str, Any]:
    # A real one asks the other side. What it returns is kept, and given to the next look.
    looks = state["looks"] + 1
    check.logger.info("Look %d at %s", looks, state["job"])
    return {**state, "looks": looks, "status": "DONE" if looks >= LOOKS_NEEDED else "RUNNING"}


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    job = context.step(start_job(event["report"]))
    between_looks: Callable[[dict[str, Any], int], WaitForConditionDecision] = create_wait_strategy(
        WaitStrategyConfig(
            should_continue_polling=lambda state: state["status"] == "RUNNING",
            initial_delay=Duration.from_seconds(event.get("firstPauseSeconds", 5)),
            max_delay=Duration.from_minutes(10),
            backoff_rate=2,
            max_attempts=30,
            jitter_strategy=JitterStrategy.NONE,
        )
    )
    return context.wait_for_condition(
        look,
        WaitForConditionConfig(between_looks, {"job": job, "looks": 0, "status": "RUNNING"}),
        name="until the job is done",
    )
