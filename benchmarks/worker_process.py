"""The worker: does what the input of each execution says. `python -m benchmarks.worker_process URL`

{"steps": 3}   checkpoint three steps one after the other, then succeed
{"wait": 5}    wait five seconds, suspended, then succeed
{"crash": true}  fail as if the runtime had died; succeed the second time
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from benchmarks.lambda_api import packed_updates, step_updates, wait_update
from benchmarks.peer import Command, answer_commands
from benchmarks.raw_worker import PENDING, SUCCEEDED, Invocation, RawWorker

FUNCTION = "bench"

_STEPS = [packed_updates(step_updates(number)) for number in range(200)]
_CRASHED = b'{"errorType":"Runtime.ExitError","errorMessage":"signal: killed"}'


class Work:
    """The handlers, and what they saw. `late_seconds` holds, for each wait, when the worker was
    handed the next invocation minus when the wait was due, both by the machine's wall clock."""

    def __init__(self) -> None:
        self.suspended = 0
        self.late_seconds: list[float] = []
        self.step_seconds: list[float] = []
        self.crashed_at: dict[str, float] = {}
        self.recovery_seconds: list[float] = []

    async def __call__(self, invocation: Invocation) -> tuple[str, bytes]:
        match invocation.input:
            case {"steps": int(steps)}:
                return await self._take_steps(invocation, steps)
            case {"wait": int(seconds)}:
                return await self._wait(invocation, seconds)
            case {"crash": True}:
                return self._crash(invocation)
            case unknown:
                raise ValueError(f"unknown work: {unknown}")

    async def _take_steps(self, invocation: Invocation, steps: int) -> tuple[str, bytes]:
        began = time.perf_counter()
        for number in range(steps):
            await invocation.checkpoint(_STEPS[number])
        self.step_seconds.append((time.perf_counter() - began) / steps)
        return "returned", SUCCEEDED

    async def _wait(self, invocation: Invocation, seconds: int) -> tuple[str, bytes]:
        now = time.clock_gettime(time.CLOCK_REALTIME)
        wait = next((o for o in invocation.operations if o["Type"] == "WAIT"), None)
        if wait is None:
            await invocation.checkpoint(packed_updates(wait_update(seconds)))
            self.suspended += 1
            return "returned", PENDING
        self.late_seconds.append(now - wait["WaitDetails"]["ScheduledEndTimestamp"] / 1000)
        return "returned", SUCCEEDED

    def _crash(self, invocation: Invocation) -> tuple[str, bytes]:
        now = time.perf_counter()
        crashed_at = self.crashed_at.pop(invocation.arn, None)
        if crashed_at is None:
            self.crashed_at[invocation.arn] = now
            return "exit", _CRASHED
        self.recovery_seconds.append(now - crashed_at)
        return "returned", SUCCEEDED


async def _commands(url: str) -> Mapping[str, Command]:
    work = Work()
    worker = RawWorker(url, FUNCTION, work)
    await worker.start()

    async def until(happened: Callable[[], bool]) -> None:
        while not happened():
            worker.ended.clear()
            await worker.ended.wait()

    async def suspended(count: int) -> None:
        """Return when `count` executions have suspended, and their results are posted."""
        await until(lambda: work.suspended >= count and not worker.held)

    async def late(count: int) -> list[float]:
        """Return when `count` waits have ended; how late, in seconds."""
        await until(lambda: len(work.late_seconds) >= count)
        return work.late_seconds

    async def step_seconds() -> list[float]:
        """The mean seconds of a step in each execution since the last call."""
        taken, work.step_seconds = work.step_seconds, []
        return taken

    async def recoveries(count: int) -> list[float]:
        """Return when `count` crashes have been made good; seconds from one to the other."""
        await until(lambda: len(work.recovery_seconds) >= count)
        taken, work.recovery_seconds = work.recovery_seconds, []
        return taken

    return {
        "suspended": suspended,
        "late": late,
        "step_seconds": step_seconds,
        "recoveries": recoveries,
    }


if __name__ == "__main__":
    answer_commands(_commands)
