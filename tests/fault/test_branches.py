"""Executions of a hundred branches each, while their processes and workers are killed."""

from __future__ import annotations

import json
import os
import signal
from contextlib import suppress
from pathlib import Path
from random import Random

from tests.fault.orders import Orders, committed_runs, invocation_errors
from tests.support.caller import Caller, types_of
from tests.support.service import running_service
from tests.support.waiting import eventually
from tests.support.worker import WorkerProcess, running_worker

HANDLER = Path(__file__).parent / "handlers" / "branches.py"
EXECUTIONS = 64
BRANCHES = 100
KILLS = 24
KILLS_BETWEEN_WORKERS = 8
PATIENCE_SECONDS = 240


def test_no_branch_is_lost_or_runs_after_it_was_kept(
    database_url: str, orders: Orders, tmp_path: Path
) -> None:
    """A process is killed at each 24th of the way, a worker with all its processes at each 3rd; it
    is started again at once."""
    random = Random(7)  # noqa: S311  meant to be repeatable
    options = ["--concurrency", "4"]
    with (
        running_service(tmp_path / "s", database_url=database_url) as service,
        running_worker(tmp_path / "a", service.url, [str(HANDLER)], options=options) as one,
        running_worker(tmp_path / "b", service.url, [str(HANDLER)], options=options) as two,
    ):
        caller = Caller(service.url)
        arns = {
            name: caller.start("branches:$LATEST", event(orders, name, flat=n % 2 == 0), name=name)
            for n, name in enumerate(f"fan-out-{n}" for n in range(EXECUTIONS))
        }
        for kill in range(1, KILLS):
            wanted = EXECUTIONS * BRANCHES * kill // KILLS
            eventually(lambda wanted=wanted: done(orders) >= wanted, PATIENCE_SECONDS)  # type: ignore[misc]
            if kill % KILLS_BETWEEN_WORKERS:
                kill_a_process(random, one, two)
            else:
                worker = random.choice([one, two])
                worker.kill()
                worker.start()
        closed = {name: caller.until_closed(arn, PATIENCE_SECONDS) for name, arn in arns.items()}
        histories = {name: caller.history(arn) for name, arn in arns.items()}
    runs: dict[tuple[str, str], list[str]] = {}
    for run in orders.runs():
        runs.setdefault((run.order, run.step), []).append(run.number)
    for name, history in histories.items():
        committed = committed_runs(history)
        in_order = [committed[f"step-{number}"] for number in range(BRANCHES)]
        assert closed[name]["Status"] == "SUCCEEDED"
        assert json.loads(closed[name]["Result"]) == in_order
        assert len(committed) == BRANCHES
        assert [runs[name, step][-1] for step in committed] == list(committed.values())
        assert types_of(history).count("ContextSucceeded") in (1, 1 + BRANCHES)
        assert set(invocation_errors(history)) <= {None, "Runtime.ExitError"}
    failed = [error for history in histories.values() for error in invocation_errors(history)]
    assert failed.count("Runtime.ExitError") > KILLS / 2, "the kills hit what ran"


def event(orders: Orders, name: str, *, flat: bool) -> dict[str, object]:
    return {"order": name, "file": str(orders.trace), "branches": BRANCHES, "flat": flat}


def done(orders: Orders) -> int:
    """How many steps have run."""
    return len(orders.trace.read_bytes().splitlines()) if orders.trace.exists() else 0


def kill_a_process(random: Random, *workers: WorkerProcess) -> None:
    """One that runs a function; that it dies by itself just then is no harm."""
    children = [pid for worker in workers for pid in worker.children()]
    with suppress(ProcessLookupError):
        os.kill(random.choice(children), signal.SIGKILL)
