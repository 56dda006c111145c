"""A runtime dies in the middle of an invocation: how long until it is invoked again."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from benchmarks.agent_process import running_agent
from benchmarks.figures import Figures, Result, milliseconds, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import running_stack

_FUNCTION = "dying_handler"
_HANDLER = Path(__file__).with_name(f"{_FUNCTION}.py")


def run(plan: Plan) -> Iterator[Result]:
    yield from _raw(plan)
    yield from _agent(plan)


def _raw(plan: Plan) -> Iterator[Result]:
    """Without processes: from the report of a crash to the next delivery."""
    with (
        running_stack(plan.folder) as stack,
        Peer("benchmarks.worker_process", stack.service.url) as worker,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):
        crashes = plan.scaled(25)

        def measure() -> Figures:
            with stack.meter(worker=worker.pid, load=load.pid) as meter:
                load.ask("invoke", input={"crash": True}, connections=1, count=crashes)
                taken = worker.ask("recoveries", count=crashes)
            return {**milliseconds(taken, "invoked_again", 0.5, 0.95, 1.0), **meter.figures}

        yield repeated("crash", "a report of it, raw worker", plan.runs, measure)


def _agent(plan: Plan) -> Iterator[Result]:
    """With the agent and a real runtime: from kill -9 to the handler's first line in another."""
    with (
        running_stack(plan.folder) as stack,
        running_agent(plan.folder, stack.service.url, [_HANDLER]) as agent,
    ):
        crashes = plan.scaled(25)

        def measure() -> Figures:
            with stack.meter(worker=agent.pid) as meter:
                taken = [_crash(plan.folder, stack.service.url) for _ in range(crashes)]
            return {**milliseconds(taken, "invoked_again", 0.5, 0.95, 1.0), **meter.figures}

        yield repeated("crash", "kill -9 of a runtime, agent", plan.runs, measure)


def _crash(folder: Path, url: str) -> float:
    """One execution that crashes once; the seconds that its second invocation measured."""
    note = folder / f"crash-{time.monotonic_ns()}"
    request = urllib.request.Request(  # noqa: S310  # our own service
        f"{url}/2015-03-31/functions/{_FUNCTION}:$LATEST/invocations",
        data=json.dumps({"note": str(note)}).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310  # the same
        return float(json.load(answer))
