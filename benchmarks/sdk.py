"""Real handlers in `perdure worker`: what a step costs with an SDK around it, and what peers are
compared by, for ours alone."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median

import psutil

from benchmarks.agent_process import running_agent
from benchmarks.figures import Figures, Result, repeated
from benchmarks.invoking import invoked
from benchmarks.meter import Meter
from benchmarks.ours import HANDLERS, running_ours
from benchmarks.plan import Plan
from benchmarks.stack import Stack, running_stack
from benchmarks.workloads import Contender, compared

_STEPS = 100
_FUNCTIONS = {
    Path(__file__).with_name("aws_handlers.py"): {
        "with_boto3": "AWS's SDK",
        "with_fast_client": "AWS's SDK, fast_client",
    },
    HANDLERS: {"bench": "Perdure's SDK, async", "threaded": "Perdure's SDK, a thread"},
}
"""Handlers by file, and what each is called."""

OURS = Contender("Perdure", running_ours)


def run(plan: Plan) -> Iterator[Result]:
    yield from _compared_sdks(plan)
    yield repeated("sdk", "import perdure, and a worker", plan.runs, partial(_idle, plan))
    yield from compared([OURS], plan)


def _compared_sdks(plan: Plan) -> Iterator[Result]:
    """Steps that do nothing, one after the other in one execution."""
    specs = [f"{name}={file}:{name}" for file, names in _FUNCTIONS.items() for name in names]
    with (
        running_stack(plan.folder) as stack,
        running_agent(plan.folder, stack.service.url, specs) as agent,
    ):
        for function, sdk in (pair for names in _FUNCTIONS.values() for pair in names.items()):
            measure = partial(_steps, stack, agent.pid, function, plan.scaled(10))
            measure()
            yield repeated("sdk", f"{_STEPS} no-op steps, {sdk}", plan.runs, measure)


def _steps(stack: Stack, worker: int, function: str, executions: int) -> Figures:
    taken: list[float] = []
    seen_by_caller: list[float] = []
    with stack.meter(worker=worker) as meter:
        for _ in range(executions):
            began = time.perf_counter()
            taken.append(invoked(stack.service.url, function, {"work": "steps", "steps": _STEPS}))
            seen_by_caller.append((time.perf_counter() - began) / _STEPS)
    steps = executions * _STEPS
    cpu = {who: 1e3 * meter.figures[f"{who}_cpu_s"] / steps for who in _PROCESSES}
    return {
        "ms_per_step": 1e3 * median(taken),
        "ms_per_step_seen_by_caller": 1e3 * median(seen_by_caller),
        "cpu_ms_per_step": sum(cpu.values()),
        **{f"{who}_ms_per_step": each for who, each in cpu.items()},
        **meter.figures,
    }


def _idle(plan: Plan) -> Figures:
    """CPU of `import perdure`, over that of Python alone, and the memory of a worker at rest."""
    with (
        running_stack(plan.folder) as stack,
        running_agent(plan.folder, stack.service.url, [f"bench={HANDLERS}:bench"]) as agent,
        Meter({"worker": agent.pid}) as meter,
    ):
        invoked(stack.service.url, "bench", {"work": "steps", "steps": 1})
        tree = [psutil.Process(agent.pid), *psutil.Process(agent.pid).children(recursive=True)]
        sizes = [process.memory_full_info() for process in tree]
        import_ms = 1e3 * (_cpu_seconds("import perdure") - _cpu_seconds("pass"))
        names_ms = 1e3 * (_cpu_seconds(_ALL_NAMES) - _cpu_seconds("pass"))
    return {
        "import_ms": import_ms,
        "import_names_ms": names_ms,
        "agent_rss_mb": sizes[0].rss / 2**20,
        "process_rss_mb": sizes[1].rss / 2**20,
        "both_pss_mb": sum(size.pss for size in sizes) / 2**20,
        **meter.figures,
    }


def _cpu_seconds(program: str) -> float:
    """The least of a few, in a process of its own."""

    def once() -> float:
        before = psutil.Process().cpu_times()
        subprocess.run([sys.executable, "-c", program], check=True)
        after = psutil.Process().cpu_times()
        return (
            after.children_user
            + after.children_system
            - before.children_user
            - before.children_system
        )

    return min(once() for _ in range(5))


_ALL_NAMES = "from perdure import AsyncDurableContext, DurableContext, durable_execution"
_PROCESSES = ("service", "postgres", "worker")
