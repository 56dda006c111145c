"""The workloads on which engines are compared: what each does, and what is measured of it.

A contender is an engine with a worker that knows the handlers below. It answers these commands,
each of which returns when its work is done; durations are seconds, lists have one value for each
workflow:

    steps(steps, workflows) -> [seconds]          for one step, of `steps` one after the other
    workflows(steps, callers, count) -> [seconds] from the start to the result, `callers` at once
    sleepers(seconds, count) -> [seconds]         how late each goes on after its sleep, as its
                                                  worker sees it; all sleep at the same time
    fan_out(branches) -> seconds                  one workflow, so many branches of one step each
    begin_journal(workflows, steps, step_seconds, journal)
                                                  start them all and return; each runs `steps`
                                                  steps that note themselves in the journal and
                                                  then wait, and notes its end there

A step does nothing unless it is told to wait.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Protocol

from benchmarks.figures import Figures, Result, milliseconds
from benchmarks.journal import Journal
from benchmarks.meter import Meter
from benchmarks.peer import PeerFailed
from benchmarks.plan import Plan

STEPS = 100
SHORT_STEPS = 3
CALLERS = {1: 100, 32: 600, 128: 1_000}
SLEEPERS = (1_000, 10_000)
SLEEP_SECONDS = 5
BRANCHES = 1_000
KILLED_WORKFLOWS = 200
KILLED_STEPS = 10
KILLED_STEP_SECONDS = 0.05

_LIMIT_SECONDS = 120.0


class Contest(Protocol):
    """A contender that runs."""

    @property
    def processes(self) -> Mapping[str, int]:
        """Every process of it, by name: the database, the server, the worker, the load."""

    def ask(self, command: str, *, timeout_seconds: float = 300, **arguments: Any) -> Any:
        """Run one of the commands above. Raises PeerFailed."""

    def kill_worker(self) -> None:
        """kill -9."""

    def start_worker(self) -> None:
        """Start another one. It need not be ready when this returns."""


@dataclass(frozen=True, slots=True)
class Contender:
    """An engine. `start` runs it on an empty store below a folder; `absent` is why it cannot run
    here; `leaves_out` tells the kinds of workload that it is spared, and why."""

    name: str
    start: Callable[[Path], AbstractContextManager[Contest]]
    absent: str | None = None
    leaves_out: Mapping[str, str] = field(default_factory=dict)


Measure = Callable[[Contest, Path], Figures]


def compared(contenders: Sequence[Contender], plan: Plan) -> Iterator[Result]:
    """Every workload on every contender, each time on a fresh one; what cannot be measured is
    told on standard output."""
    for contender in contenders:
        if contender.absent is not None:
            print(f"{contender.name} is left out: {contender.absent}", flush=True)
    for kind, workload, measure in _workloads(plan):
        for contender in contenders:
            if contender.absent is not None:
                continue
            if reason := contender.leaves_out.get(kind):
                print(f"{contender.name} leaves out {workload}: {reason}", flush=True)
                continue
            try:
                with contender.start(plan.folder) as contest:
                    runs = tuple(measure(contest, plan.folder) for _ in range(plan.runs))
            except PeerFailed as error:
                print(f"{contender.name} did not finish {workload}: {error}", flush=True)
                continue
            yield Result(workload, contender.name, runs)


def _workloads(plan: Plan) -> Iterator[tuple[str, str, Measure]]:
    """The kind of each, its name and its measurement."""
    yield "steps", f"{STEPS} steps", partial(_steps, plan)
    for callers, count in CALLERS.items():
        name = f"{SHORT_STEPS} steps, {callers} at once"
        yield "workflows", name, partial(_workflows, callers, plan.scaled(count))
    for count in map(plan.scaled, SLEEPERS):
        yield "sleepers", f"{count} sleepers", partial(_sleepers, count)
    yield "fan_out", f"{BRANCHES} branches", _fan_out
    yield "killed", "worker killed", _killed_worker


def _steps(plan: Plan, contest: Contest, folder: Path) -> Figures:
    workflows = plan.scaled(5)
    _ask(contest, "steps", steps=STEPS, workflows=1)
    with Meter(contest.processes) as meter:
        taken = _ask(contest, "steps", steps=STEPS, workflows=workflows)
    return {
        "ms_per_step": 1e3 * median(taken),
        **_cpu_of_a_step(meter, workflows * STEPS),
        **meter.figures,
    }


def _workflows(callers: int, count: int, contest: Contest, folder: Path) -> Figures:
    _ask(contest, "workflows", steps=SHORT_STEPS, callers=callers, count=callers)
    with Meter(contest.processes) as meter:
        taken = _ask(contest, "workflows", steps=SHORT_STEPS, callers=callers, count=count)
    return {
        "workflows_per_s": count / meter.figures["wall_s"],
        **milliseconds(taken, "latency", 0.5, 0.95),
        **_cpu_of_a_step(meter, count * SHORT_STEPS),
        **meter.figures,
    }


def _sleepers(count: int, contest: Contest, folder: Path) -> Figures:
    with Meter(contest.processes) as meter:
        late = _ask(contest, "sleepers", seconds=SLEEP_SECONDS, count=count)
    return {**milliseconds(late, "late", 0.5, 0.95, 1.0), **meter.figures}


def _fan_out(contest: Contest, folder: Path) -> Figures:
    _ask(contest, "fan_out", branches=10)
    with Meter(contest.processes) as meter:
        seconds = _ask(contest, "fan_out", branches=BRANCHES)
    return {"seconds": seconds, **_cpu_of_a_step(meter, BRANCHES), **meter.figures}


def _killed_worker(contest: Contest, folder: Path) -> Figures:
    """Kill the worker when half of the steps have run; the seconds from the start of another until
    the last workflow has ended."""
    journal = Journal(folder / f"journal-{time.monotonic_ns()}")
    steps = KILLED_WORKFLOWS * KILLED_STEPS
    _ask(
        contest,
        "begin_journal",
        workflows=KILLED_WORKFLOWS,
        steps=KILLED_STEPS,
        step_seconds=KILLED_STEP_SECONDS,
        journal=str(journal.path),
    )
    journal.wait_for(lambda: journal.read().begun >= steps // 2, _LIMIT_SECONDS)
    contest.kill_worker()
    before = journal.read()
    began = time.perf_counter()
    contest.start_worker()
    with Meter(contest.processes) as meter:
        journal.wait_for(lambda: journal.read().ended >= KILLED_WORKFLOWS, _LIMIT_SECONDS)
        seconds = time.perf_counter() - began
    after = journal.read()
    return {
        "all_done_after_s": seconds,
        "completed_steps_run_again": after.completed_again,
        "interrupted_steps_run_again": after.interrupted_again,
        "steps_done_at_the_kill": before.begun,
        **meter.figures,
    }


def _ask(contest: Contest, command: str, **arguments: Any) -> Any:
    return contest.ask(command, timeout_seconds=_LIMIT_SECONDS, **arguments)


def _cpu_of_a_step(meter: Meter, steps: int) -> Figures:
    """CPU milliseconds over all processes."""
    spent = sum(seconds for name, seconds in meter.figures.items() if name.endswith("_cpu_s"))
    return {"cpu_ms_per_step": 1e3 * spent / steps}
