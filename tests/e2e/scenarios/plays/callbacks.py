"""Callbacks: how they are completed, when, and what is told to whoever comes too late."""

from __future__ import annotations

import time

import pytest
from botocore.exceptions import ClientError

from tests.e2e.scenarios.plays.stage import play
from tests.e2e.scenarios.run import Run
from tests.support.waiting import eventually

TOO_LATE = "The callback is either timed out or already completed"


@play
def callback(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("approval", b'"yes"')


@play
def callback_empty(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("approval", b"")


@play
def callback_text(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("approval", ' {"a" :  1}\t\u00fc'.encode())


@play
def callback_failed(run: Run) -> None:
    run.until("InvocationCompleted")
    run.fail("approval", ErrorType="Denied", ErrorMessage="too expensive", ErrorData="12")


@play
def callback_failed_without_error(run: Run) -> None:
    run.until("InvocationCompleted")
    run.fail("approval")


@play
def callback_timed_out(run: Run) -> None:
    run.until_closed()
    _refused(run, "approval")


@play
def callback_heartbeats(run: Run) -> None:
    """Five seconds of heartbeats, for a callback that lives four without one."""
    run.until("CallbackStarted")
    opened_at = time.monotonic()

    def is_older_than_its_heartbeat() -> bool:
        run.heartbeat("approval")
        return time.monotonic() > opened_at + 5

    eventually(is_older_than_its_heartbeat)
    run.succeed("approval", b'"alive"')


@play
def callback_completed_twice(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("approval", b'"first"')
    _refused(run, "approval")


@play
def callback_after_the_end(run: Run) -> None:
    run.until("InvocationCompleted")
    run.stop()
    _refused(run, "approval")


@play
def callback_while_running(run: Run) -> None:
    run.until_noted()
    run.succeed("approval", b'"yes"')
    run.open("completed")


@play
def callback_completed_in_a_step(run: Run) -> None:
    callback_while_running(run)


@play
def callback_during_a_wait(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("approval", b'"yes"')


@play
def callbacks_one_after_the_other(run: Run) -> None:
    run.until("InvocationCompleted")
    run.succeed("second", b'"two"')
    run.until("InvocationCompleted", count=2)
    run.succeed("first", b'"one"')


@play
def wait_for_callback(run: Run) -> None:
    run.until("InvocationCompleted")
    assert run.notes == [run.callback_id()]
    run.succeed(None, b'"yes"')


@play
def wait_for_callback_failed(run: Run) -> None:
    run.until("InvocationCompleted")
    run.fail(None, ErrorType="Denied", ErrorMessage="too expensive")


@play
def wait_for_callback_submitted_again(run: Run) -> None:
    run.until("InvocationCompleted", count=2)
    run.succeed(None, b'"yes"')


def _refused(run: Run, name: str) -> None:
    for complete in (run.succeed, run.fail, run.heartbeat):
        with pytest.raises(ClientError) as refused:
            complete(name)
        error = refused.value.response["Error"]
        assert (error["Code"], error["Message"]) == ("CallbackTimeoutException", TOO_LATE)
