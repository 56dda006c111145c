"""Waits and conditions: who dies, who is stopped."""

from __future__ import annotations

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run


@play
def wait_of_a_year(run: Run) -> None:
    run.until("InvocationCompleted")
    run.stop(ErrorType="Enough", ErrorMessage="no year is that short")


@play
def condition_crash(run: Run) -> None:
    run.until("StepStarted", count=2)
    run.open("die")
    run.until_closed()
    assert run.notes == ["had 0", "had 1", "had 1"]
