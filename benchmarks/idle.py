"""What sleeping executions cost while nothing is due."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil

from benchmarks.figures import Figures, Result, repeated
from benchmarks.peer import Peer
from benchmarks.plan import Plan
from benchmarks.stack import running_stack

_HOUR = 3_600
# All that Postgres was asked on this database, but for our own looking.
_STATEMENTS = """
SELECT coalesce(sum(calls), 0)::float8
  FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
 WHERE datname = current_database() AND query NOT LIKE '%pg_stat_statements%'
"""


def run(plan: Plan) -> Iterator[Result]:
    sleepers = plan.scaled(10_000)
    watched_seconds = 10 if plan.quick else 60
    with (
        running_stack(plan.folder) as stack,
        Peer("benchmarks.worker_process", stack.service.url) as worker,
    ):
        with Peer("benchmarks.load_process", stack.service.url) as load:
            load.ask("start", input={"wait": _HOUR}, connections=64, count=sleepers)
            worker.ask("suspended", count=sleepers)
        stack.admin.execute("CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        time.sleep(plan.scaled(10))  # the last flushes and autovacuum are not idleness

        def measure() -> Figures:
            stack.admin.execute("SELECT pg_stat_statements_reset()")
            with stack.meter(worker=worker.pid) as meter:
                time.sleep(watched_seconds)
            (statements,) = stack.column(_STATEMENTS)
            service = psutil.Process(stack.service.pid)
            return {
                "statements_per_s": statements / watched_seconds,
                "service_cpu_percent": 100 * meter.figures["service_cpu_s"] / watched_seconds,
                "postgres_cpu_percent": 100 * meter.figures["postgres_cpu_s"] / watched_seconds,
                "service_rss_mb": service.memory_info().rss / 1e6,
                **meter.figures,
            }

        yield repeated("idle", f"{sleepers} asleep for an hour", plan.runs, measure)
