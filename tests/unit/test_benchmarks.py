"""What the benchmarks compute from what they measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.figures import MACHINE, Result, percentile, table
from benchmarks.journal import Journal, JournalFacts, note


@pytest.mark.parametrize(
    ("fraction", "expected"), [(0.5, 50), (0.95, 95), (0.99, 99), (1.0, 100), (0.001, 1)]
)
def test_a_percentile_is_a_value_that_was_measured(fraction: float, expected: int) -> None:
    assert percentile(range(100, 0, -1), fraction) == expected


def test_the_percentiles_of_one_value_are_that_value() -> None:
    assert [percentile([7.0], fraction) for fraction in (0.5, 0.99, 1.0)] == [7.0] * 3


def test_a_result_tells_the_median_of_each_figure_and_every_run() -> None:
    runs = tuple({"p50_ms": value, "rate": 10 * value} for value in (3.0, 1.0, 2.0))
    line = json.loads(Result("checkpoint", "1 connection", runs).json_line())
    assert (line["p50_ms"], line["rate"]) == (2.0, 20.0)
    assert [run["p50_ms"] for run in line["runs"]] == [3.0, 1.0, 2.0]


def test_the_table_shows_beside_each_figure_how_busy_the_machine_was() -> None:
    run = {"p50_ms": 0.81234, "service_cpu_s": 3.0, **dict.fromkeys(MACHINE, 1.5)}
    row = table([Result("checkpoint", "1 connection", (run,))]).splitlines()[-1]
    assert row == "| checkpoint: 1 connection | p50_ms 0.8123 | 1 | 1.5 | 1.5 | 1.5 | 1.5 |"


def test_a_step_counts_as_complete_once_a_later_one_of_its_workflow_has_begun(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path / "journal")
    for workflow, step in ((1, 0), (1, 1), (2, 0), (1, 1), (2, 0), (1, 0), (1, "end")):
        note(str(journal.path), workflow, step)
    assert journal.read() == JournalFacts(begun=3, ended=1, completed_again=1, interrupted_again=2)
