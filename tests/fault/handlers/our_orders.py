"""The orders of `orders`, asynchronous, on Perdure's own SDK: one process runs them all."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from orders import trace  # type: ignore[import-not-found]  # beside this file, for its process

from perdure import AsyncDurableContext, StepContext, durable_execution
from perdure.config import Duration


async def until_there(path: Path) -> None:
    while not path.exists():  # noqa: ASYNC110, ASYNC240  a file is the gate of all tests
        await asyncio.sleep(0.01)


@durable_execution
async def lambda_handler(event: dict[str, Any], context: AsyncDurableContext) -> list[str]:
    """validate, pay (held until the event's gate is there), wait, confirm."""

    async def step(name: str) -> str:
        async def work(_: StepContext) -> str:
            run: str = trace(event, name)
            if name == "pay" and "gate" in event:
                await until_there(Path(event["gate"]))
            return run

        return await context.step(work, name=name)

    runs = [await step("validate"), await step("pay")]
    if event.get("wait"):
        await context.wait(Duration.from_seconds(event["wait"]), name="warehouse")
    return [*runs, await step("confirm")]
