"""`python -m benchmarks [NAME...] [--quick]`: one JSON line per result, then a table."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from benchmarks import checkpoint, crash, executions, idle, large, sdk, steps, timers
from benchmarks.figures import Result, table
from benchmarks.peers import contenders
from benchmarks.plan import Plan

BENCHMARKS: Mapping[str, Callable[[Plan], Iterator[Result]]] = {
    "checkpoint": checkpoint.run,
    "steps": steps.run,
    "executions": executions.run,
    "sdk": sdk.run,
    "timers": timers.run,
    "restart": timers.run_restart,
    "idle": idle.run,
    "history": large.run_history,
    "state": large.run_state,
    "large": large.run,
    "crash": crash.run,
    "peers": contenders.run,
}
_ONLY_WHEN_NAMED = {"peers"}  # it installs other engines


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of {', '.join(BENCHMARKS)}")
    parser.add_argument("--quick", action="store_true", help="once and small: does it all work?")
    parser.add_argument("--runs", type=int, default=3, help="runs of which the median is told")
    parser.add_argument(
        "--folder",
        type=Path,
        default=Path("/var/tmp"),  # noqa: S108  # a folder of our own is made in it, on a disk
        help="where Postgres keeps its data: on the disk to be measured, not in memory",
    )
    asked = parser.parse_args()
    unknown = set(asked.names) - set(BENCHMARKS)
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; choose from {', '.join(BENCHMARKS)}")
    results: list[Result] = []
    with tempfile.TemporaryDirectory(dir=asked.folder, prefix="perdure-bench-") as folder:
        plan = Plan(Path(folder), runs=1 if asked.quick else asked.runs, quick=asked.quick)
        for name in asked.names or [name for name in BENCHMARKS if name not in _ONLY_WHEN_NAMED]:
            for result in BENCHMARKS[name](plan):
                print(result.json_line(), flush=True)
                results.append(result)
    print(f"\n{table(results)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
