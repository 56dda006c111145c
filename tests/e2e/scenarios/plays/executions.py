"""Whole executions: who stops them, and what comes after the end."""

from __future__ import annotations

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run

MEBIBYTE = 1_048_576


@play
def execution_with_a_large_result(run: Run) -> None:
    assert run.answer is not None
    assert run.answer.json == "x" * 6_291_420


@play
def step_with_a_large_result(run: Run) -> None:
    run.until("StepStarted")
    run.open("started")


@play
def execution_of_many_steps(run: Run) -> None:
    run.until_closed()
    assert len(run.notes) == 300


@play
def execution_timed_out_while_running(run: Run) -> None:
    _end_it_while_it_runs(run, "ExecutionTimedOut")


@play
def execution_stopped(run: Run) -> None:
    run.until("InvocationCompleted")
    run.stop(ErrorType="Cancelled", ErrorMessage="by the customer")


@play
def execution_stopped_while_running(run: Run) -> None:
    run.until("StepStarted", name="work")
    run.stop()
    _end_it_while_it_runs(run, "ExecutionStopped")


def _end_it_while_it_runs(run: Run, how: str) -> None:
    run.until(how)
    run.open("go")
    run.until("InvocationCompleted")
    assert "went on" not in run.notes
