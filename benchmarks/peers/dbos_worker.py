"""The workloads on DBOS. `python -m benchmarks.peers.dbos_worker DATABASE_URL`, in its own
environment."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from dbos import DBOS

from benchmarks.journal import note
from benchmarks.peer import Command, answer_commands
from benchmarks.peers.callers import seconds_of_each, wall_clock


@DBOS.step()
async def nothing(number: int) -> int:
    return number


@DBOS.step()
async def noted(journal: str, workflow: int, number: int, seconds: float) -> int:
    note(journal, workflow, number)
    await asyncio.sleep(seconds)
    return number


@DBOS.workflow()
async def one_after_another(steps: int) -> float:
    began = time.perf_counter()
    for number in range(steps):
        await nothing(number)
    return time.perf_counter() - began


@DBOS.workflow()
async def sleeper(seconds: float) -> float:
    due_at = wall_clock() + seconds
    await DBOS.sleep_async(seconds)
    return wall_clock() - due_at


@DBOS.workflow()
async def wide(branches: int) -> None:
    await asyncio.gather(*(nothing(number) for number in range(branches)))


@DBOS.workflow()
async def journalled(journal: str, workflow: int, steps: int, step_seconds: float) -> None:
    for number in range(steps):
        await noted(journal, workflow, number, step_seconds)
    note(journal, workflow, "end")


async def _run(workflow: Callable[..., Awaitable[Any]], *arguments: Any) -> Any:
    handle = await DBOS.start_workflow_async(workflow, *arguments)
    return await handle.get_result()


async def _commands(url: str) -> Mapping[str, Command]:
    DBOS(
        config={
            "name": "bench",
            "system_database_url": url,
            "log_level": "ERROR",
            "executor_id": "bench",
            "application_version": "1",
        }
    )
    DBOS.launch()

    async def steps(steps: int, workflows: int) -> list[float]:
        return [await _run(one_after_another, steps) / steps for _ in range(workflows)]

    async def workflows(steps: int, callers: int, count: int) -> list[float]:
        return await seconds_of_each(count, callers, lambda _: _run(one_after_another, steps))

    async def sleepers(seconds: float, count: int) -> list[float]:
        handles = [await DBOS.start_workflow_async(sleeper, seconds) for _ in range(count)]
        return [await handle.get_result() for handle in handles]

    async def fan_out(branches: int) -> float:
        (seconds,) = await seconds_of_each(1, 1, lambda _: _run(wide, branches))
        return seconds

    async def begin_journal(workflows: int, steps: int, step_seconds: float, journal: str) -> None:
        for workflow in range(workflows):
            await DBOS.start_workflow_async(journalled, journal, workflow, steps, step_seconds)

    return {
        "steps": steps,
        "workflows": workflows,
        "sleepers": sleepers,
        "fan_out": fan_out,
        "begin_journal": begin_journal,
    }


if __name__ == "__main__":
    answer_commands(_commands)
