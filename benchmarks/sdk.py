"""Real handlers in real runtimes: what a step costs with an SDK around it."""

from __future__ import annotations

import json
import time
import urllib.request
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.agent_process import running_agent
from benchmarks.figures import Figures, Result, repeated
from benchmarks.plan import Plan
from benchmarks.stack import Stack, running_stack

_STEPS = 100
_CALL_SECONDS = 120
_AWS = Path(__file__).with_name("aws_handlers.py")


def run(plan: Plan) -> Iterator[Result]:
    """Steps that do nothing, one after the other in one execution."""
    specs = [f"{name}={_AWS}:{name}" for name in ("with_boto3", "with_fast_client")]
    with (
        running_stack(plan.folder) as stack,
        running_agent(plan.folder, stack.service.url, specs) as agent,
    ):
        for function, sdk in {
            "with_boto3": "AWS's SDK",
            "with_fast_client": "AWS's SDK, fast_client",
        }.items():
            measure = partial(_steps, stack, agent.pid, function, plan.scaled(10))
            measure()
            yield repeated("sdk", f"{_STEPS} no-op steps, {sdk}", plan.runs, measure)


def _steps(stack: Stack, worker: int, function: str, executions: int) -> Figures:
    taken: list[float] = []
    seen_by_caller: list[float] = []
    with stack.meter(worker=worker) as meter:
        for _ in range(executions):
            began = time.perf_counter()
            taken.append(invoked(stack.service.url, function, {"steps": _STEPS}))
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


_PROCESSES = ("service", "postgres", "worker")


def invoked(url: str, function: str, event: dict[str, Any]) -> Any:
    """The result of a synchronous call."""
    request = urllib.request.Request(  # noqa: S310  # our own service
        f"{url}/2015-03-31/functions/{function}:$LATEST/invocations",
        data=json.dumps(event).encode(),
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=_CALL_SECONDS) as answer:  # noqa: S310  # the same
        result = json.load(answer)
    if isinstance(result, dict) and "errorType" in result:
        raise RuntimeError(f"{function} failed: {result}")
    return result
