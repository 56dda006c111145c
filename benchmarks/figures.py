"""Numbers and what becomes of them: percentiles, medians of runs, JSON lines, the table."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from statistics import median

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Result:
    """One line of the report: what was measured, under which setting, and the medians of `runs`."""

    benchmark: str
    setting: str
    runs: tuple[Figures, ...]

    @property
    def medians(self) -> Figures:
        return {name: median(run[name] for run in self.runs) for name in self.runs[0]}

    def json_line(self) -> str:
        members = {
            "benchmark": self.benchmark,
            "setting": self.setting,
            **{name: _short(value) for name, value in self.medians.items()},
            "runs": [{name: _short(value) for name, value in run.items()} for run in self.runs],
        }
        return json.dumps(members)


def repeated(benchmark: str, setting: str, times: int, measure: Callable[[], Figures]) -> Result:
    """Measure several times."""
    return Result(benchmark, setting, tuple(measure() for _ in range(times)))


def percentile(values: Sequence[float], fraction: float) -> float:
    """The smallest value that at least `fraction` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(1, ceil(fraction * len(ordered))) - 1]


def milliseconds(seconds: Sequence[float], name: str, *fractions: float) -> Figures:
    """Percentiles under names like `late_p95_ms`."""
    return {
        f"{name}_p{fraction * 100:g}_ms": 1e3 * percentile(seconds, fraction)
        for fraction in fractions
    }


MACHINE = ("load_before", "load_after", "other_cores", "python_ms")
"""Figures that say how much the others are worth; see `meter`."""


def table(results: Sequence[Result]) -> str:
    """Markdown: one row per result, the medians, and how busy the machine was."""
    columns = ("what", "medians", "runs", *MACHINE)
    rows = [columns, tuple("---" for _ in columns), *map(_row, results)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _row(result: Result) -> tuple[str, ...]:
    medians = result.medians
    shown = ", ".join(
        f"{name} {_short(value):g}"
        for name, value in medians.items()
        if name not in MACHINE and not name.endswith(("cpu_s", "wall_s"))
    )
    machine = (f"{medians[name]:.3g}" for name in MACHINE)
    return (f"{result.benchmark}: {result.setting}", shown, str(len(result.runs)), *machine)


def _short(value: float) -> float:
    """Four significant digits: no run repeats better than that."""
    return float(f"{value:.4g}")
