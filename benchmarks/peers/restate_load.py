"""Callers of Restate's ingress. `python -m benchmarks.peers.restate_load INGRESS_URL`, in our own
environment."""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks.http1 import Client, head
from benchmarks.peer import Command, answer_commands
from benchmarks.peers.callers import seconds_of_each

_SENDERS = 32
_LOOK_SECONDS = 0.1


async def _lines(file: Path, count: int) -> list[float]:
    """The numbers in it, when there are so many."""

    def look() -> list[float]:
        while len(lines := file.read_text().splitlines()) < count:
            time.sleep(_LOOK_SECONDS)
        return [float(line) for line in lines]

    return await asyncio.to_thread(look)


async def _commands(url: str) -> Mapping[str, Command]:
    client = Client(url)

    async def call(handler: str, argument: Any) -> Any:
        request = head("POST", f"/bench/{handler}")
        return json.loads(await client.request(request, json.dumps(argument).encode()))

    async def send(handler: str, argument: Any) -> None:
        request = head("POST", f"/bench/{handler}/send")
        await client.request(request, json.dumps(argument).encode())

    async def steps(steps: int, workflows: int) -> list[float]:
        return [await call("one_after_another", steps) / steps for _ in range(workflows)]

    async def workflows(steps: int, callers: int, count: int) -> list[float]:
        return await seconds_of_each(count, callers, lambda _: call("one_after_another", steps))

    async def sleepers(seconds: int, count: int) -> list[float]:
        with tempfile.NamedTemporaryFile() as late:
            sleep = {"seconds": seconds, "late": late.name}
            await seconds_of_each(count, _SENDERS, lambda _: send("sleeper", sleep))
            return await _lines(Path(late.name), count)

    async def fan_out(branches: int) -> float:
        (seconds,) = await seconds_of_each(1, 1, lambda _: call("wide", branches))
        return seconds

    async def begin_journal(workflows: int, steps: int, step_seconds: float, journal: str) -> None:
        work = {"journal": journal, "steps": steps, "step_seconds": step_seconds}
        await seconds_of_each(
            workflows, _SENDERS, lambda workflow: send("journalled", {**work, "workflow": workflow})
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
