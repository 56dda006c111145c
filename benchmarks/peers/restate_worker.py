"""The workloads' handlers on Restate, as an ASGI application: hypercorn serves it in its own
environment. Its server's ingress starts the workflows."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import restate

from benchmarks.journal import append_line, note
from benchmarks.peers.callers import wall_clock

bench = restate.Service("bench")


async def _nothing(number: int) -> int:
    return number


async def _now() -> float:
    return wall_clock()


async def _noted(journal: str, workflow: int, number: int, seconds: float) -> int:
    note(journal, workflow, number)
    await asyncio.sleep(seconds)
    return number


@bench.handler()
async def one_after_another(context: restate.Context, steps: int) -> float:
    began = time.perf_counter()
    for number in range(steps):
        await context.run_typed("step", _nothing, number=number)
    return time.perf_counter() - began


@bench.handler()
async def sleeper(context: restate.Context, sleep: dict[str, Any]) -> None:
    began_at = await context.run_typed("begin", _now)
    await context.sleep(timedelta(seconds=sleep["seconds"]))
    append_line(sleep["late"], str(wall_clock() - began_at - sleep["seconds"]))


@bench.handler()
async def wide(context: restate.Context, branches: int) -> int:
    steps = [context.run_typed("step", _nothing, number=number) for number in range(branches)]
    return len(await restate.gather(*steps))


@bench.handler()
async def journalled(context: restate.Context, work: dict[str, Any]) -> None:
    journal, workflow = work["journal"], work["workflow"]
    for number in range(work["steps"]):
        await context.run_typed(
            "step",
            _noted,
            journal=journal,
            workflow=workflow,
            number=number,
            seconds=work["step_seconds"],
        )
    note(journal, workflow, "end")


app = restate.app(services=[bench])
