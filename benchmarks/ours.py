"""Perdure with its own SDK, in process, as a contender of `workloads`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.agent_process import Agent, running_agent
from benchmarks.invoking import invoked
from benchmarks.peer import Peer, PeerFailed
from benchmarks.stack import Stack, running_stack
from benchmarks.worker_process import FUNCTION

HANDLERS = Path(__file__).with_name("our_handlers.py")

_LOOK_SECONDS = 0.1
_CONCURRENCY = 1_000
# When the handler went on, and when its wait was due.
_LATE = """
SELECT convert_from(succeeded.payload, 'UTF8')::float8
       - (started.detail->>'scheduled_end_at')::bigint / 1e6::float8
  FROM event succeeded
  JOIN event started USING (part, execution_id)
 WHERE succeeded.type = 'ExecutionSucceeded' AND started.type = 'WaitStarted'
"""


class Ours:
    """Implements `workloads.Contest`."""

    def __init__(self, stack: Stack, agent: Agent, load: Peer) -> None:
        self._stack = stack
        self._agent = agent
        self._load = load

    @property
    def processes(self) -> Mapping[str, int]:
        return {
            "service": self._stack.service.pid,
            "postgres": self._stack.postgres.pid,
            "worker": self._agent.pid,
            "load": self._load.pid,
        }

    def ask(self, command: str, *, timeout_seconds: float = 300, **arguments: Any) -> Any:
        answer = getattr(self, f"_{command}")
        return answer(timeout_seconds=timeout_seconds, **arguments)

    def kill_worker(self) -> None:
        self._agent.kill()

    def start_worker(self) -> None:
        self._agent.begin()

    def _steps(self, steps: int, workflows: int, timeout_seconds: float) -> list[float]:
        url, event = self._stack.service.url, {"work": "steps", "steps": steps}
        return [invoked(url, FUNCTION, event) for _ in range(workflows)]

    def _workflows(self, steps: int, callers: int, count: int, timeout_seconds: float) -> Any:
        return self._load.ask(
            "invoke",
            timeout_seconds=timeout_seconds,
            input={"work": "steps", "steps": steps},
            connections=callers,
            count=count,
        )

    def _sleepers(self, seconds: int, count: int, timeout_seconds: float) -> list[Any]:
        before = len(self._stack.column(_LATE))
        self._start({"work": "sleep", "seconds": seconds}, count, timeout_seconds)
        deadline = time.monotonic() + timeout_seconds
        while len(late := self._stack.column(_LATE)) < before + count:
            if time.monotonic() > deadline:
                raise PeerFailed(f"{len(late) - before} of {count} sleepers went on")
            time.sleep(_LOOK_SECONDS)
        return late[before:]

    def _fan_out(self, branches: int, timeout_seconds: float) -> float:
        began = time.perf_counter()
        invoked(self._stack.service.url, FUNCTION, {"work": "fan out", "branches": branches})
        return time.perf_counter() - began

    def _begin_journal(self, workflows: int, timeout_seconds: float, **event: Any) -> None:
        self._start({"work": "journal", **event}, workflows, timeout_seconds)

    def _start(self, event: dict[str, Any], count: int, timeout_seconds: float) -> None:
        """One after the other, as the peers start theirs."""
        self._load.ask(
            "start", timeout_seconds=timeout_seconds, input=event, connections=1, count=count
        )


@contextmanager
def running_ours(folder: Path) -> Iterator[Ours]:
    spec = f"{FUNCTION}={HANDLERS}:bench"
    with (
        running_stack(folder) as stack,
        running_agent(
            folder, stack.service.url, [spec], "--concurrency", str(_CONCURRENCY)
        ) as agent,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):
        yield Ours(stack, agent, load)
