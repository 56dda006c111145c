"""Whole executions of three steps, from the synchronous call to its answer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Figures, Result, milliseconds, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import running_stack

_COUNTS = {1: 300, 8: 1_500, 32: 4_000, 128: 5_000}
_STEPS = 3


def run(plan: Plan) -> Iterator[Result]:
    with (
        running_stack(plan.folder) as stack,
        Peer("benchmarks.worker_process", stack.service.url) as worker,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):

        def measure(connections: int) -> Figures:
            count = plan.scaled(_COUNTS[connections])
            with stack.meter(worker=worker.pid, load=load.pid) as meter:
                taken = load.ask(
                    "invoke", input={"steps": _STEPS}, connections=connections, count=count
                )
            return {
                "executions_per_s": count / meter.figures["wall_s"],
                **milliseconds(taken, "latency", 0.5, 0.95),
                **{
                    f"{who}_ms_per_step": 1e3 * meter.figures[f"{who}_cpu_s"] / (count * _STEPS)
                    for who in ("service", "postgres", "worker")
                },
                **meter.figures,
            }

        load.ask("invoke", input={"steps": _STEPS}, connections=32, count=200)
        for connections in _COUNTS:
            yield repeated(
                "executions",
                f"3 steps, {connections} callers",
                plan.runs,
                partial(measure, connections),
            )
