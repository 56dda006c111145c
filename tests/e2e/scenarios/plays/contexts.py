"""Child contexts: how often their code ran."""

from __future__ import annotations

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run


@play
def context(run: Run) -> None:
    run.until_closed()
    assert run.notes == ["first", "second"]


@play
def context_interrupted(run: Run) -> None:
    run.until("StepStarted")
    run.open("die")
    run.until_closed()
    assert run.notes == ["run", "run"]


@play
def context_with_a_large_result(run: Run) -> None:
    run.until_closed()
    assert run.notes == ["group", "group"]
