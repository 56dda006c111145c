"""The load generator: callers who invoke, and functions that checkpoint and read as fast as they
are answered. `python -m benchmarks.load_process URL`
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from benchmarks.figures import percentile
from benchmarks.http1 import Client
from benchmarks.lambda_api import (
    history_head,
    invoke_head,
    packed_updates,
    state_head,
    step_updates,
)
from benchmarks.peer import Command, answer_commands
from benchmarks.raw_worker import Invocation, RawWorker
from benchmarks.worker_process import FUNCTION

_HELD = "held"
_BATCH = 100


class Load:
    """Holds invocations of a function of its own, open for as long as the process lives."""

    def __init__(self, url: str) -> None:
        self.client = Client(url)
        self.fresh: deque[Invocation] = deque()
        self.arrived = asyncio.Event()
        self.worker = RawWorker(url, _HELD, self._hold)

    async def _hold(self, invocation: Invocation) -> None:
        self.fresh.append(invocation)
        self.arrived.set()

    async def hold(self, count: int) -> list[Invocation]:
        """That many running invocations of fresh executions."""
        head = invoke_head(_HELD, asynchronous=True)
        await _in_parallel(64, count, lambda _: self.client.request(head, b"{}"))
        while len(self.fresh) < count:
            self.arrived.clear()
            await self.arrived.wait()
        return [self.fresh.popleft() for _ in range(count)]


async def _in_parallel(
    connections: int, count: int, work: Callable[[int], Awaitable[Any]]
) -> list[float]:
    """`work(0)` to `work(count - 1)`, so many at once; the seconds that each took."""
    numbers = iter(range(count))
    taken: list[float] = []

    async def one_after_another() -> None:
        for number in numbers:
            began = time.perf_counter()
            await work(number)
            taken.append(time.perf_counter() - began)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(min(connections, count)):
            tasks.create_task(one_after_another())
    return taken


async def _commands(url: str) -> Mapping[str, Command]:
    load = Load(url)
    await load.worker.start()
    steps = [packed_updates(step_updates(number)) for number in range(3_000)]
    ready: list[Invocation] = []
    large: list[tuple[Invocation, int]] = []

    async def prepare(executions: int) -> None:
        """Hold `executions` running for `checkpoints`."""
        ready.extend(await load.hold(executions))

    async def checkpoints(connections: int, each: int) -> list[float]:
        """`each` steps in every execution that is held ready, on that many connections; the
        seconds that each took."""
        invocations = iter(ready)
        taken: list[float] = []

        async def one_after_another() -> None:
            for invocation in invocations:
                for number in range(each):
                    began = time.perf_counter()
                    await invocation.checkpoint(steps[number])
                    taken.append(time.perf_counter() - began)

        async with asyncio.TaskGroup() as tasks:
            for _ in range(connections):
                tasks.create_task(one_after_another())
        ready.clear()
        return taken

    async def invoke(input: dict[str, Any], connections: int, count: int) -> list[float]:
        """Synchronous calls; the seconds that each took."""
        head, body = invoke_head(FUNCTION), json.dumps(input).encode()
        return await _in_parallel(connections, count, lambda _: load.client.request(head, body))

    async def start(input: dict[str, Any], connections: int, count: int) -> float:
        """Asynchronous calls; the seconds until all were accepted."""
        head, body = invoke_head(FUNCTION, asynchronous=True), json.dumps(input).encode()
        began = time.perf_counter()
        await _in_parallel(connections, count, lambda _: load.client.request(head, body))
        return time.perf_counter() - began

    async def fill(operations: int) -> int:
        """A held execution with so many completed steps; its number."""
        (invocation,) = await load.hold(1)
        for first in range(0, operations, _BATCH):
            numbers = range(first, min(first + _BATCH, operations))
            updates = [update for number in numbers for update in step_updates(number)]
            await invocation.checkpoint(packed_updates(updates))
        large.append((invocation, operations))
        return len(large) - 1

    async def step(number: int) -> tuple[float, int]:
        """One more step in a filled execution; the seconds that it took, the bytes answered."""
        invocation, operations = large[number]
        large[number] = (invocation, operations + 1)
        began = time.perf_counter()
        answer = await invocation.checkpoint(steps[operations])
        return time.perf_counter() - began, len(answer)

    async def alternate(numbers: list[int], times: int) -> list[tuple[float, int]]:
        """A step in each of these executions, taken in turn: the median seconds, and the bytes of
        the largest answer."""
        taken: list[list[tuple[float, int]]] = [[] for _ in numbers]
        for _ in range(times):
            for made, number in zip(taken, numbers, strict=True):
                made.append(await step(number))
        return [
            (percentile([seconds for seconds, _ in made], 0.5), max(size for _, size in made))
            for made in taken
        ]

    async def read_page(
        number: int, what: str, page: str, times: int, max_items: int
    ) -> dict[str, float]:
        """Read the first or the last page of an execution's history or state so often."""
        invocation, _ = large[number]

        def head(marker: str | None) -> bytes:
            if what == "history":
                return history_head(invocation.arn, marker, max_items)
            return state_head(invocation.arn, invocation.token, marker, max_items)

        marker: str | None = None
        pages_before = 1
        answer = json.loads(await load.client.request(head(None)))
        while page == "last" and answer.get("NextMarker"):
            marker = answer["NextMarker"]
            pages_before += 1
            answer = json.loads(await load.client.request(head(marker)))
        seconds = await _in_parallel(1, times, lambda _: load.client.request(head(marker)))
        items = answer["Events" if what == "history" else "Operations"]
        p50_ms = 1e3 * percentile(seconds, 0.5)
        return {"items": len(items), "pages_before": pages_before, "p50_ms": p50_ms}

    return {
        "prepare": prepare,
        "checkpoints": checkpoints,
        "invoke": invoke,
        "start": start,
        "fill": fill,
        "step": step,
        "alternate": alternate,
        "read_page": read_page,
    }


if __name__ == "__main__":
    answer_commands(_commands)
