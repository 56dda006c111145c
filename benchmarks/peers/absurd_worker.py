"""The workloads on Absurd. `python -m benchmarks.peers.absurd_worker DATABASE_URL`, in its own
environment.

Tuned: it polls fifty times a second instead of four, on several connections, since a worker takes
new tasks only when all of its last batch have ended.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Mapping
from itertools import count as counting
from typing import Any

import psycopg
from absurd_sdk import AsyncAbsurd
from absurdctl import BUNDLED_SCHEMA_SQL

from benchmarks.journal import note
from benchmarks.peer import Command, answer_commands
from benchmarks.peers.callers import seconds_of_each, wall_clock

_WORKERS = 4
_CONCURRENCY = 128
_POLL_SECONDS = 0.02
_CLAIM_SECONDS = 10
_PREPARED = "SELECT 1 FROM pg_namespace WHERE nspname = 'absurd'"


class _Tasks:
    """The handlers. Each tells its result to the future under its key, just before it ends."""

    def __init__(self) -> None:
        self._results: dict[int, asyncio.Future[Any]] = {}
        self._keys = counting()
        self.working: list[asyncio.Task[None]] = []

    def expected(self) -> tuple[int, asyncio.Future[Any]]:
        key = next(self._keys)
        self._results[key] = asyncio.get_running_loop().create_future()
        return key, self._results[key]

    def _tell(self, parameters: Mapping[str, Any], result: Any) -> None:
        if (future := self._results.pop(parameters["key"], None)) is not None:
            future.set_result(result)

    async def one_after_another(self, parameters: Mapping[str, Any], context: Any) -> None:
        began = time.perf_counter()
        for number in range(parameters["steps"]):
            await context.step(f"step-{number}", _nothing)
        self._tell(parameters, time.perf_counter() - began)

    async def sleeper(self, parameters: Mapping[str, Any], context: Any) -> None:
        began_at = await context.step("begin", _now)
        await context.sleep_for("sleep", parameters["seconds"])
        self._tell(parameters, wall_clock() - began_at - parameters["seconds"])

    async def wide(self, parameters: Mapping[str, Any], context: Any) -> None:
        steps = (context.step(f"step-{n}", _nothing) for n in range(parameters["branches"]))
        await asyncio.gather(*steps)
        self._tell(parameters, None)

    async def journalled(self, parameters: Mapping[str, Any], context: Any) -> None:
        journal, workflow = parameters["journal"], parameters["workflow"]
        for number in range(parameters["steps"]):

            async def noted(number: int = number) -> int:
                note(journal, workflow, number)
                await asyncio.sleep(parameters["step_seconds"])
                return number

            await context.step(f"step-{number}", noted)
        note(journal, workflow, "end")

    async def connect(self, url: str) -> AsyncAbsurd:
        absurd = AsyncAbsurd(url)
        for handler in (self.one_after_another, self.sleeper, self.wide, self.journalled):
            absurd.register_task(handler.__name__)(handler)
        await absurd.list_queues()  # connects: it does so once for each of many first calls
        return absurd


async def _nothing() -> int:
    return 1


async def _now() -> float:
    return wall_clock()


async def _prepare(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        found = await connection.execute(_PREPARED)
        if await found.fetchone() is None:
            await connection.execute(BUNDLED_SCHEMA_SQL.encode())
            await connection.execute("SELECT absurd.create_queue('default')")


async def _commands(url: str) -> Mapping[str, Command]:
    await _prepare(url)
    tasks = _Tasks()
    client = await tasks.connect(url)
    for _ in range(_WORKERS):
        worker = await tasks.connect(url)
        loop = worker.start_worker(
            concurrency=_CONCURRENCY, poll_interval=_POLL_SECONDS, claim_timeout=_CLAIM_SECONDS
        )
        tasks.working.append(asyncio.create_task(loop))

    async def start(task: str, **parameters: Any) -> Awaitable[Any]:
        key, result = tasks.expected()
        await client.spawn(task, {**parameters, "key": key})
        return result

    async def run(task: str, **parameters: Any) -> Any:
        return await (await start(task, **parameters))

    async def steps(steps: int, workflows: int) -> list[float]:
        return [await run("one_after_another", steps=steps) / steps for _ in range(workflows)]

    async def workflows(steps: int, callers: int, count: int) -> list[float]:
        return await seconds_of_each(
            count, callers, lambda _: run("one_after_another", steps=steps)
        )

    async def sleepers(seconds: float, count: int) -> list[float]:
        results = [await start("sleeper", seconds=seconds) for _ in range(count)]
        return [await result for result in results]

    async def fan_out(branches: int) -> float:
        (seconds,) = await seconds_of_each(1, 1, lambda _: run("wide", branches=branches))
        return seconds

    async def begin_journal(workflows: int, steps: int, step_seconds: float, journal: str) -> None:
        for workflow in range(workflows):
            await start(
                "journalled",
                journal=journal,
                workflow=workflow,
                steps=steps,
                step_seconds=step_seconds,
            )

    return {
        "steps": steps,
        "workflows": workflows,
        "sleepers": sleepers,
        "fan_out": fan_out,
        "begin_journal": begin_journal,
    }


if __name__ == "__main__":
    answer_commands(_commands)
