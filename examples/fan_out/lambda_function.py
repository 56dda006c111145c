"""Many at once: one branch for each picture, a few of them at a time, some of which may fail."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_durable_execution_sdk_python import (
    BatchResult,
    DurableContext,
    StepContext,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import CompletionConfig, MapConfig, StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets

AT_A_TIME = 5


@durable_step
def resize(step: StepContext, picture: str) -> str:
    step.logger.info("Resizing %s", picture)
    if not picture.endswith(".png"):
        raise ValueError(f"{picture} is no PNG")
    return picture.replace(".png", ".small.png")


def make_thumbnail(
    context: DurableContext, picture: str, index: int, pictures: Sequence[str]
) -> str:
    return context.step(resize(picture), config=StepConfig(retry_strategy=RetryPresets.none()))


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    done: BatchResult[str] = context.map(
        event["pictures"],
        make_thumbnail,
        name="thumbnails",
        config=MapConfig(
            max_concurrency=AT_A_TIME,
            completion_config=CompletionConfig(tolerated_failure_percentage=50),
            item_namer=lambda picture, _: picture,
        ),
    )
    return {
        "thumbnails": done.get_results(),
        "failures": [error.message for error in done.get_errors() if error],
        "reason": done.completion_reason.value,
    }
