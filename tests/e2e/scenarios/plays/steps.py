"""Steps: who kills, who stops, and how often their code ran."""

from __future__ import annotations

import os
import signal

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run


@play
def steps_in_a_row(run: Run) -> None:
    run.until_closed()
    assert run.notes == ["0", "1", "2"]


@play
def step_with_default_retries(run: Run) -> None:
    failed = run.until("StepFailed")
    run.until("InvocationCompleted")
    run.stop()
    assert 1 <= failed["StepFailedDetails"]["RetryDetails"]["NextAttemptDelaySeconds"] <= 5


@play
def step_crash_at_least_once(run: Run) -> None:
    _die_in_the_step(run)
    assert run.notes == ["run", "run"]


@play
def step_crash_at_most_once(run: Run) -> None:
    _die_in_the_step(run)
    assert run.notes == ["run"]


@play
def step_crash_at_most_once_retried(run: Run) -> None:
    _die_in_the_step(run)
    assert run.notes == ["run", "run"]


@play
def step_killed(run: Run) -> None:
    run.until("StepStarted", name="work")
    os.kill(int(run.until_noted()[0]), signal.SIGKILL)
    run.open("go")


def _die_in_the_step(run: Run) -> None:
    """Once its START is recorded: at-least-once steps begin before that."""
    run.until("StepStarted", name="fatal")
    run.open("die")
    run.until_closed()
