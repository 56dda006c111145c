"""How late waits end: the commit of WaitSucceeded, and its receipt by the worker, minus due."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Figures, Result, milliseconds, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import Stack, running_stack

COMMIT_TIMES = {"track_commit_timestamp": "on"}

_AT = (0.5, 0.95, 0.99, 1.0)
_WAIT_SECONDS = 5
_CALLERS = 64

_DUES = """
SELECT (detail->>'scheduled_end_at')::bigint / 1e6::float8 FROM event WHERE type = 'WaitStarted'
"""
# When a transaction was committed is Postgres' own word, not the event's timestamp.
_WOKEN = """
SELECT (detail->>'scheduled_end_at')::bigint / 1e6::float8 AS due_at,
       extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8 AS committed_at
  FROM event WHERE type = 'WaitSucceeded'
"""


def run(plan: Plan) -> Iterator[Result]:
    for count in (1_000, 10_000):
        waits = plan.scaled(count)
        yield repeated("timers", f"{waits} waits of 5 s", plan.runs, partial(_measure, plan, waits))


def run_restart(plan: Plan) -> Iterator[Result]:
    waits = plan.scaled(10_000)
    yield repeated(
        "restart", f"{waits} due while away", plan.runs, partial(_measure_restart, plan, waits)
    )


def _measure(plan: Plan, waits: int) -> Figures:
    with (
        running_stack(plan.folder, COMMIT_TIMES) as stack,
        Peer("benchmarks.worker_process", stack.service.url) as worker,
        Peer("benchmarks.load_process", stack.service.url) as load,
        stack.meter(worker=worker.pid, load=load.pid) as meter,
    ):
        started = load.ask(
            "start", input={"wait": _WAIT_SECONDS}, connections=_CALLERS, count=waits
        )
        received = worker.ask("late", count=waits)
        figures = {
            **milliseconds([at - due for due, at in _woken(stack, waits)], "commit_late", *_AT),
            **milliseconds(received, "receipt_late", *_AT),
            "starts_s": started,
            "due_span_s": max(dues := stack.column(_DUES)) - min(dues),
        }
    return {**figures, **meter.figures}


def _woken(stack: Stack, waits: int) -> list[tuple[float, float]]:
    """When each wait was due, and when its end was committed: seconds since the epoch."""
    woken = stack.admin.execute(_WOKEN).fetchall()
    assert len(woken) == waits, f"{len(woken)} of {waits} waits have ended"
    return [(due_at, committed_at) for due_at, committed_at in woken]


def _measure_restart(plan: Plan, waits: int) -> Figures:
    """Every wait comes due while no service runs. Awake is the last commit of a WaitSucceeded."""
    wait_seconds = 6 if plan.quick else 40
    with (
        running_stack(plan.folder, COMMIT_TIMES) as stack,
        Peer("benchmarks.worker_process", stack.service.url) as worker,
        Peer("benchmarks.load_process", stack.service.url) as load,
    ):
        load.ask("start", input={"wait": wait_seconds}, connections=_CALLERS, count=waits)
        worker.ask("suspended", count=waits)
        stack.service.stop()
        _woken(stack, 0)
        time.sleep(max(0.0, max(stack.column(_DUES)) - _wall_clock()))
        begun_at = _wall_clock()
        listening_seconds = stack.service.start()
        with stack.meter(worker=worker.pid, load=load.pid) as meter:
            worker.ask("late", count=waits)
            received_at = _wall_clock()
        awake_at = max(at for _, at in _woken(stack, waits))
    return {
        "awake_after_listening_s": awake_at - begun_at - listening_seconds,
        "awake_after_start_s": awake_at - begun_at,
        "received_after_start_s": received_at - begun_at,
        **meter.figures,
    }


def _wall_clock() -> float:
    return time.clock_gettime(time.CLOCK_REALTIME)
