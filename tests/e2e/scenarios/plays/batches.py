"""Batches: what completes their callbacks."""

from __future__ import annotations

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run


@play
def parallel_first_successful(run: Run) -> None:
    run.until("CallbackStarted")
    run.open("slow began")


@play
def parallel_callbacks(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("callback b", b'"second"')
    run.until("InvocationCompleted", count=2)
    run.succeed("callback a", b'"first"')


@play
def map_of_hundreds_that_wait(run: Run) -> None:
    run.until_closed()
    assert sorted(map(int, run.notes)) == list(range(100))


@play
def map_flat_of_hundreds_that_wait(run: Run) -> None:
    map_of_hundreds_that_wait(run)


@play
def parallel_callback_beside_a_step(run: Run) -> None:
    run.until("StepStarted", name="work")
    run.until("WaitStarted")
    run.succeed("answer", b'"yes"')
    run.open("completed")
    run.until("ContextSucceeded", name="approval")
    run.stop()


@play
def parallel_wait_beside_a_step(run: Run) -> None:
    run.until("ContextSucceeded", name="first")
    run.open("go")


@play
def parallel_retry_beside_a_step(run: Run) -> None:
    run.until("ContextSucceeded", name="first")
    run.open("go")
