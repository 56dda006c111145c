"""The workloads as handlers on Perdure's SDK; `work` in the event says which one runs."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import Any

from benchmarks.journal import note
from benchmarks.peers.callers import wall_clock
from perdure import AsyncDurableContext, DurableContext, StepContext, durable_execution
from perdure.config import Duration


@durable_execution
async def bench(event: dict[str, Any], context: AsyncDurableContext) -> float | None:
    match event["work"]:
        case "steps":
            began = time.perf_counter()
            for number in range(event["steps"]):
                await context.step(_nothing, name=f"step {number}")
            return (time.perf_counter() - began) / int(event["steps"])
        case "sleep":
            await context.wait(Duration.from_seconds(event["seconds"]))
            return wall_clock()
        case "fan out":
            await context.map(list(range(event["branches"])), _branch, name="wide")
        case "journal":
            await _journalled(event, context)
    return None


@durable_execution
def threaded(event: dict[str, Any], context: DurableContext) -> float:
    """Steps in a handler that is a plain `def`."""
    began = time.perf_counter()
    for number in range(event["steps"]):
        context.step(_nothing_at_all, name=f"step {number}")
    return (time.perf_counter() - began) / int(event["steps"])


async def _journalled(event: dict[str, Any], context: AsyncDurableContext) -> None:
    journal, workflow = event["journal"], context.execution_context.durable_execution_arn
    for number in range(event["steps"]):

        async def noted(_: StepContext, number: int = number) -> int:
            note(journal, workflow, number)
            await asyncio.sleep(event["step_seconds"])
            return number

        await context.step(noted, name=f"step {number}")
    note(journal, workflow, "end")


async def _branch(
    context: AsyncDurableContext, item: int, index: int, items: Sequence[int]
) -> int | None:
    return await context.step(_nothing)


async def _nothing(_: StepContext) -> int:
    return 1


def _nothing_at_all(_: StepContext) -> int:
    return 1
