"""Pauses: who asks for them and takes them back."""

from __future__ import annotations

import time

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run
from tests.support.waiting import eventually


@play
def pause_while_it_waits(run: Run) -> None:
    run.until("InvocationCompleted")
    run.pause()
    run.succeed("approval", b'"yes"')
    assert run.status() == "PAUSED"
    run.resume()


@play
def pause_while_it_runs(run: Run) -> None:
    run.until("StepStarted")
    run.pause(Reason="look first")
    assert run.status() == "PAUSING"
    run.open("go")
    run.until("InvocationCompleted")
    assert run.status() == "PAUSED"
    run.resume(Reason="all is well")


@play
def pause_taken_back(run: Run) -> None:
    run.until("StepStarted")
    run.pause()
    run.resume()
    assert run.status() == "RUNNING"
    run.open("go")


@play
def stop_while_it_is_paused(run: Run) -> None:
    run.until("InvocationCompleted")
    run.pause()
    run.stop()


@play
def pause_while_a_wait_ends(run: Run) -> None:
    run.until("WaitStarted")
    run.pause()
    run.until("WaitSucceeded")
    assert run.status() == "PAUSED"
    assert run.notes == ["run"]
    run.resume()


@play
def pause_over_before_the_wait(run: Run) -> None:
    run.until("WaitStarted")
    run.pause()
    run.until("ExecutionPaused")
    run.resume()
    run.until_closed()
    assert run.notes == ["run", "run"]


@play
def pause_before_a_retry(run: Run) -> None:
    run.until("StepFailed")
    run.pause()
    run.until("ExecutionPaused")
    failed_at = time.monotonic()
    eventually(lambda: time.monotonic() > failed_at + 4.5)  # it would have been tried again
    assert run.notes == ["attempt"]
    run.resume()


@play
def pause_in_branches(run: Run) -> None:
    run.until("StepStarted", name="work")
    run.until("CallbackStarted")
    run.pause()
    run.open("go")
    run.until("ExecutionPaused")
    run.succeed("approval", b'"yes"')
    run.resume()


@play
def pause_of_a_child(run: Run) -> None:
    caller, child = run.caller, run.child_arn()
    caller.until_event(child, "WaitStarted")
    caller.client.pause_durable_execution(DurableExecutionArn=child)
    caller.until_event(child, "WaitSucceeded")
    assert caller.get(child)["Status"] == "PAUSED"
    assert run.status() == "RUNNING"
    caller.client.resume_durable_execution(DurableExecutionArn=child)


@play
def pause_of_a_crash(run: Run) -> None:
    run.until("StepStarted", name="work")
    run.pause()
    run.open("go")
    run.until("ExecutionPaused")
    run.resume()
