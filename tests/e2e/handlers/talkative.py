"""A durable function that writes in every way there is."""

from __future__ import annotations

import sys
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, StepContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration


@durable_execution
def handler(event: Any, context: DurableContext) -> str:
    sys.stdout.write("printed\n")
    sys.stdout.flush()
    context.logger.info("of the context")

    def talk(step: StepContext) -> str:
        step.logger.info("of the step")
        return "done"

    context.step(talk, name="talk")
    context.wait(Duration.from_seconds(1), name="pause")
    context.logger.info("after the wait")
    return "done"
