"""Milliseconds per step, one after the other in one execution."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median

from benchmarks.figures import Figures, Result, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import running_stack

_STEPS = 100


def run(plan: Plan) -> Iterator[Result]:
    with (
        running_stack(plan.folder) as stack,
        Peer("benchmarks.worker_process", stack.service.url) as worker,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):
        executions = plan.scaled(10)

        def measure() -> Figures:
            with stack.meter(worker=worker.pid, load=load.pid) as meter:
                taken = load.ask("invoke", input={"steps": _STEPS}, connections=1, count=executions)
            return {
                "ms_per_step": 1e3 * median(worker.ask("step_seconds")),
                "ms_per_step_seen_by_caller": 1e3 * median(taken) / _STEPS,
                **{
                    f"{who}_ms_per_step": 1e3
                    * meter.figures[f"{who}_cpu_s"]
                    / (executions * _STEPS)
                    for who in ("service", "postgres", "worker")
                },
                **meter.figures,
            }

        measure()
        yield repeated("steps", "100 one after the other", plan.runs, measure)
