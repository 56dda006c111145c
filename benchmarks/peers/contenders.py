"""Who is compared, and how each is started."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from benchmarks.figures import Result
from benchmarks.peers import library, restate
from benchmarks.peers.environment import environment
from benchmarks.plan import Plan
from benchmarks.sdk import OURS
from benchmarks.workloads import Contender, compared


def run(plan: Plan) -> Iterator[Result]:
    """Ours and the peers, workload by workload."""
    yield from compared([OURS, _restate(), _absurd(), _dbos(), _aws()], plan)


def _restate() -> Contender:
    found = environment("restate")
    return Contender("Restate", partial(restate.running, found), found.absent)


def _absurd() -> Contender:
    found = environment("absurd")
    start = partial(library.on_postgres, found, "benchmarks.peers.absurd_worker")
    return Contender("Absurd", start, found.absent)


def _dbos() -> Contender:
    found = environment("dbos")
    start = partial(library.on_postgres, found, "benchmarks.peers.dbos_worker")
    return Contender("DBOS", start, found.absent)


def _aws() -> Contender:
    found = environment("aws")
    return Contender(
        "AWS's emulator, in memory",
        partial(library.in_memory, found, "benchmarks.peers.aws_worker"),
        found.absent,
        {
            "sleepers": "each takes a thread",
            "killed": "it keeps executions in the worker's memory",
        },
    )
