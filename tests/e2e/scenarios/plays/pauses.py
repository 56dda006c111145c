"""Pauses: who asks for them and takes them back."""

from __future__ import annotations

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run


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
    run.pause()
    assert run.status() == "PAUSING"
    run.open("go")
    run.until("InvocationCompleted")
    assert run.status() == "PAUSED"
    run.resume()


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
