"""The workloads on AWS's SDK and AWS's emulator of the service, both in this process and in
memory: nothing is stored. `python -m benchmarks.peers.aws_worker memory`, in its own environment.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python.config import Duration, MapConfig
from aws_durable_execution_sdk_python_testing import DurableFunctionTestRunner

from benchmarks.peer import Command, answer_commands
from benchmarks.peers.callers import seconds_of_each, wall_clock

_THREADS = 256
_BRANCHES_AT_ONCE = 32  # each is a thread; a thousand at once take longer


@durable_execution
def handler(event: dict[str, Any], context: DurableContext) -> float:
    match event:
        case {"steps": int(steps)}:
            began = time.perf_counter()
            for number in range(steps):
                context.step(lambda _: 1, name=f"step-{number}")
            return time.perf_counter() - began
        case {"seconds": int(seconds)}:
            began_at = context.step(lambda _: wall_clock(), name="begin")
            context.wait(Duration.from_seconds(seconds))
            return wall_clock() - began_at - seconds
        case {"branches": int(branches)}:
            context.map(
                list(range(branches)),
                lambda branch, number, _, __: branch.step(lambda _: number, name="step"),
                config=MapConfig(max_concurrency=_BRANCHES_AT_ONCE),
            )
            return 0.0
        case _:
            raise ValueError(f"unknown work: {event}")


async def _commands(_: str) -> Mapping[str, Command]:
    runner = DurableFunctionTestRunner(handler, skip_time=False)
    threads = ThreadPoolExecutor(_THREADS)

    def run_here(event: dict[str, Any]) -> float:
        result = runner.run(input=json.dumps(event), execution_timeout=600)
        if result.result is None:
            raise RuntimeError(f"{event} ended {result.status}: {result.error}")
        return float(json.loads(result.result))

    async def run(event: dict[str, Any]) -> float:
        return await asyncio.get_running_loop().run_in_executor(threads, run_here, event)

    async def steps(steps: int, workflows: int) -> list[float]:
        return [await run({"steps": steps}) / steps for _ in range(workflows)]

    async def workflows(steps: int, callers: int, count: int) -> list[float]:
        return await seconds_of_each(count, callers, lambda _: run({"steps": steps}))

    async def sleepers(seconds: int, count: int) -> list[float]:
        return await asyncio.gather(*(run({"seconds": seconds}) for _ in range(count)))

    async def fan_out(branches: int) -> float:
        (seconds,) = await seconds_of_each(1, 1, lambda _: run({"branches": branches}))
        return seconds

    return {"steps": steps, "workflows": workflows, "sleepers": sleepers, "fan_out": fan_out}


if __name__ == "__main__":
    answer_commands(_commands)
