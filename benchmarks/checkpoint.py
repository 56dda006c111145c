"""A checkpoint of two updates, durable: latency, throughput, and what it costs the service."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.bare import bare_seconds, flush_seconds, same_rows_seconds
from benchmarks.figures import Figures, Result, milliseconds, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import Stack, running_stack

_CONNECTIONS = (1, 16, 64)
_EXECUTIONS_EACH = {1: 8, 16: 4, 64: 2}
_STEPS = 100
_SLOW_FLUSH = {"commit_delay": "1000", "commit_siblings": "0"}


def run(plan: Plan) -> Iterator[Result]:
    for flush, settings in (("", None), (", flush + 1 ms", _SLOW_FLUSH)):
        with (
            running_stack(plan.folder, settings) as stack,
            Peer("benchmarks.load_process", stack.service.url) as load,
        ):
            _warm_up(load)
            for connections in _CONNECTIONS:
                yield repeated(
                    "checkpoint",
                    f"{connections} connections{flush}",
                    plan.runs,
                    partial(_measure, plan, stack, load, connections),
                )


def _warm_up(load: Peer) -> None:
    load.ask("prepare", executions=16)
    load.ask("checkpoints", connections=16, each=30)


def _measure(plan: Plan, stack: Stack, load: Peer, connections: int) -> Figures:
    each = plan.scaled(_STEPS)
    executions = connections * _EXECUTIONS_EACH[connections]
    floor = _floor(plan, stack, load) if connections == 1 else {}
    load.ask("prepare", executions=executions)
    with stack.meter(load=load.pid) as meter:
        taken = load.ask("checkpoints", connections=connections, each=each)
    figures = {
        **milliseconds(taken, "latency", 0.5, 0.95, 0.99),
        "checkpoints_per_s": len(taken) / meter.figures["wall_s"],
        **{
            f"{who}_ms_each": 1e3 * meter.figures[f"{who}_cpu_s"] / len(taken)
            for who in ("service", "postgres", "load")
        },
        **floor,
    }
    if floor:
        figures["ratio_to_same_rows"] = figures["latency_p50_ms"] / floor["same_rows_p50_ms"]
        figures["ratio_to_bare_commit"] = figures["latency_p50_ms"] / floor["bare_commit_p50_ms"]
    return {**figures, **meter.figures}


def _floor(plan: Plan, stack: Stack, load: Peer) -> Figures:
    """The same rows, and the smallest commit, by psycopg alone, right beside the checkpoints."""
    load.ask("fill", operations=1)
    commits = plan.scaled(400)
    return {
        **milliseconds(same_rows_seconds(stack, commits), "same_rows", 0.5),
        **milliseconds(bare_seconds(stack, commits), "bare_commit", 0.5),
        **milliseconds(flush_seconds(plan.folder, commits), "disk_flush", 0.5),
    }
