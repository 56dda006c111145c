"""Claims, ends and what follows: at most one invocation, and never one too few."""

from __future__ import annotations

import pytest

from perdure_service.domain.decide_callback import decide_callback_success
from perdure_service.domain.decide_invocation import (
    Claim,
    Ending,
    Failed,
    Returned,
    decide_claim,
    decide_function_deleted,
    decide_invocation_end,
    decide_unclaim,
)
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.execution import (
    ExecutionStatus,
    FailureKind,
    InvokeMode,
    Queued,
    Running,
    Sight,
)
from perdure_service.domain.ids import InvocationId
from perdure_service.domain.limits import MEBIBYTE, Limits, RetryPolicy
from perdure_service.domain.operations import Action, ErrorObject, OperationUpdate
from tests.support.executions import WORKER, at, invocation_id
from tests.support.scenario import (
    BROKEN,
    Scenario,
    callback,
    cancel,
    invoke,
    refused_target,
    retry,
    running,
    step,
    wait,
)

CLAIM = Claim(WORKER, invocation_id(77))
IDLE = "Cannot return PENDING status with no pending operations."


def claims_in_vain(scenario: Scenario) -> None:
    before = scenario.execution
    assert scenario.decide(lambda e, moment: decide_claim(e, CLAIM, moment)) is None
    assert scenario.execution is before


def ready_after(scenario: Scenario) -> float:
    """Seconds from now until the queued invocation may be claimed."""
    queued = scenario.execution.ledger.invocation
    assert isinstance(queued, Queued)
    return (queued.ready_at - at(scenario.seconds)) / 1_000_000


def test_a_new_execution_is_queued_at_once() -> None:
    assert Scenario().execution.ledger.invocation == Queued(at(0))


def test_a_claim_hands_out_a_token_and_writes_no_event() -> None:
    scenario = Scenario()
    delivery = scenario.claim()
    assert delivery.token == scenario.token
    assert delivery.upto == Sight(1, at(0)) == scenario.execution.ledger.seen
    assert scenario.history == ["ExecutionStarted"]
    assert scenario.execution.ledger.invocation == Running(
        delivery.claim.invocation_id, WORKER, at(0), claimed_event_id=1
    )


def test_one_invocation_runs_at_a_time() -> None:
    claims_in_vain(running())


def test_nothing_is_handed_out_before_it_is_ready() -> None:
    scenario = running()
    scenario.crashes()
    claims_in_vain(scenario.after(0.099))
    scenario.after(0.001).claim()


def test_a_claim_completes_what_is_due_and_shows_it() -> None:
    scenario = running()
    scenario.accepted(retry("r", 5), wait("w", 5), callback("cb"))
    scenario.crashes()
    delivery = scenario.after(6).claim()
    assert scenario.history[-1] == "WaitSucceeded"
    assert set(delivery.updated_operation_ids) == {"r", "w"}
    scenario.suspends()
    assert not scenario.is_queued()


def test_the_first_invocation_is_told_of_no_updates() -> None:
    assert Scenario().claim().updated_operation_ids == ()


@pytest.mark.parametrize("lost", ["crashed", "never arrived"])
def test_what_a_lost_invocation_was_told_is_told_again(lost: str) -> None:
    scenario = running()
    scenario.accepted(callback("cb"), wait("w", 5), retry("r", 5), callback("later"))
    scenario.suspends()
    scenario.after(5).tick()
    told = scenario.claim().updated_operation_ids
    assert told == ("w", "r")
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", "1", moment))
    if lost == "crashed":
        scenario.accepted(step("s"))
        scenario.crashes()
    else:
        lost_id = scenario.running.id
        scenario.decide(lambda e, moment: decide_unclaim(e, lost_id, moment))
    assert scenario.after(1).claim().updated_operation_ids == ("cb", *told)
    scenario.accepted(step("r"))
    scenario.suspends()
    scenario.decide(lambda e, moment: decide_callback_success(e, "later", "1", moment))
    assert scenario.claim().updated_operation_ids == ("later",)


def test_the_function_is_not_told_what_it_did_itself() -> None:
    scenario = running()
    scenario.accepted(step("s", Action.SUCCEED), wait("w", 5), wait("gone", 9))
    scenario.accepted(cancel("gone"), invoke("i"), targets={"i": refused_target()})
    scenario.crashes()
    assert scenario.after(5).claim().updated_operation_ids == ("w",)


def test_a_claim_after_the_deadline_closes_the_execution() -> None:
    scenario = Scenario(timeout_seconds=5).after(5)
    assert scenario.decide(lambda e, moment: decide_claim(e, CLAIM, moment)) is None
    assert scenario.history[-1] == "ExecutionTimedOut"
    assert scenario.execution.ledger.invocation is None


def test_an_invocation_that_nobody_received_is_ready_again_without_an_event() -> None:
    scenario = running()
    lost = scenario.running.id
    scenario.after(2).decide(lambda e, moment: decide_unclaim(e, lost, moment))
    assert scenario.execution.ledger.invocation == Queued(at(2))
    assert scenario.history == ["ExecutionStarted"]
    scenario.claim()
    before = scenario.execution
    scenario.decide(lambda e, moment: decide_unclaim(e, lost, moment))
    assert scenario.execution is before, "another one runs by now"


def deleted(scenario: Scenario, undelivered: InvocationId | None = None) -> None:
    scenario.decide(lambda e, moment: decide_function_deleted(e, undelivered, moment))


def test_an_invocation_that_was_claimed_for_a_deleted_function_fails_the_execution_too() -> None:
    scenario = running()
    deleted(scenario, invocation_id(77))
    assert scenario.execution.status is ExecutionStatus.RUNNING, "of another one"
    deleted(scenario, scenario.running.id)
    assert scenario.history == ["ExecutionStarted", "ExecutionFailed"]
    assert scenario.execution.ledger.invocation is None


def test_an_execution_whose_function_was_deleted_fails_when_it_would_be_invoked_again() -> None:
    scenario = running()
    scenario.accepted(wait("w", 5))
    deleted(scenario)
    assert scenario.execution.status is ExecutionStatus.RUNNING, "one runs still"
    scenario.suspends()
    deleted(scenario)
    assert scenario.execution.status is ExecutionStatus.RUNNING, "none is needed yet"
    scenario.after(5).tick()
    deleted(scenario)
    assert scenario.history[-2:] == ["WaitSucceeded", "ExecutionFailed"]
    assert scenario.execution.ledger.invocation is None
    assert scenario.execution.error == ErrorObject(
        "Function not found: arn:aws:lambda:us-east-1:000000000000:function:order:1",
        "ResourceNotFoundException",
    )


def test_the_result_of_a_superseded_invocation_is_dropped() -> None:
    scenario = running()
    superseded = scenario.running.id
    scenario.crashes()
    scenario.after(1).claim()
    before = scenario.execution
    ending = scenario.decide(
        lambda e, moment: decide_invocation_end(
            e,
            superseded,
            Returned('{"Status": "SUCCEEDED"}'),
            moment,
            scenario.policy,
            scenario.limits,
        )
    )
    assert ending is Ending.SUPERSEDED
    assert scenario.execution is before


def test_a_result_that_comes_twice_counts_once() -> None:
    scenario = running()
    ended = scenario.running.id
    scenario.returns("SUCCEEDED")
    before = scenario.execution
    again = scenario.decide(
        lambda e, moment: decide_invocation_end(
            e, ended, Returned("{}"), moment, scenario.policy, scenario.limits
        )
    )
    assert again is Ending.SUPERSEDED
    assert scenario.execution is before


def test_a_closed_execution_still_hears_that_its_invocation_ended_and_ignores_how() -> None:
    scenario = running()
    scenario.decide(lambda e, moment: decide_stop(e, BROKEN, moment))
    scenario.crashes()
    assert scenario.history[1:] == ["ExecutionStopped", "InvocationCompleted"]
    assert scenario.execution.status is ExecutionStatus.STOPPED
    assert not scenario.is_queued()


def test_failures_are_retried_after_a_doubling_delay_that_ends_at_a_minute() -> None:
    scenario = running()
    delays = []
    for _ in range(12):
        scenario.crashes()
        delays.append(ready_after(scenario))
        scenario.after(delays[-1]).claim()
    assert delays[:4] == [0.1, 0.2, 0.4, 0.8]
    assert delays[-2:] == [60, 60]
    assert scenario.execution.status is ExecutionStatus.RUNNING


def test_an_invocation_made_again_is_metered_and_no_quota_counts_it() -> None:
    scenario = running(limits=Limits(operations=3))
    scenario.accepted(step("a", Action.FAIL), wait("w"))
    for _ in range(4):
        scenario.crashes()
        scenario.after(1).claim()
    assert scenario.execution.operation_count == 3
    assert scenario.execution.metered_operations == 7
    assert scenario.accepted(step("b")).token is None, "the start, a, w, and now b: over the quota"


def test_what_a_failed_invocation_said_is_metered_as_bytes() -> None:
    scenario = running()
    before = scenario.execution.stored_bytes
    scenario.crashes()
    assert scenario.execution.stored_bytes - before == len("exit status 1Runtime.ExitError")


def test_an_invocation_that_suspends_well_forgets_the_failures() -> None:
    scenario = running()
    scenario.accepted(wait("w", 60))
    scenario.crashes()
    scenario.after(0.1).claim()
    scenario.suspends()
    assert scenario.execution.ledger.failures is None


def test_a_limit_on_failures_ends_the_execution_with_the_last_error() -> None:
    scenario = running(policy=RetryPolicy(max_failures=3))
    for kind in (FailureKind.CRASH, FailureKind.TIMEOUT):
        scenario.crashes(kind)
        scenario.after(60).claim()
    scenario.ends(Failed(FailureKind.ERROR, BROKEN))
    assert scenario.history[-2:] == ["InvocationCompleted", "ExecutionFailed"]
    assert scenario.execution.error == BROKEN


def test_a_limit_on_init_failures_counts_only_those_in_a_row() -> None:
    scenario = running(policy=RetryPolicy(max_init_failures=2))
    for kind in (FailureKind.INIT, FailureKind.CRASH, FailureKind.INIT):
        scenario.crashes(kind)
        assert scenario.is_queued()
        scenario.after(60).claim()
    scenario.crashes(FailureKind.INIT)
    assert scenario.execution.status is ExecutionStatus.FAILED


def test_pending_with_nothing_pending_is_tried_three_times_in_all() -> None:
    scenario = running()
    for _ in range(2):
        scenario.suspends()
        assert ready_after(scenario) == 5
        scenario.after(5).claim()
    scenario.suspends()
    assert scenario.execution.error == ErrorObject(IDLE, "InvalidParameterValueException")
    assert scenario.history[1:] == ["InvocationCompleted"] * 3 + ["ExecutionFailed"]


@pytest.mark.parametrize("trigger", [wait("w", 9), callback("cb"), retry("r", 9)])
def test_pending_is_good_with_an_open_trigger(trigger: OperationUpdate) -> None:
    scenario = running()
    scenario.accepted(trigger)
    scenario.suspends()
    assert not scenario.is_queued()
    assert scenario.execution.ledger.failures is None


def test_a_started_step_is_no_trigger() -> None:
    scenario = running()
    scenario.accepted(step("s"))
    scenario.suspends()
    failures = scenario.execution.ledger.failures
    assert failures is not None
    assert failures.kind is FailureKind.IDLE_PENDING


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "Invalid Status in invocation output."),
        ("[]", "Invalid Status in invocation output."),
        ('{"Status": "MAYBE"}', "Invalid Status in invocation output."),
        (None, "Invocation output is not valid UTF-8."),
        ('{"Status": "SUCCEEDED", "Error": {"ErrorType": "E"}}', "Cannot provide an Error"),
        ('{"Status": "FAILED", "Result": "1"}', "Cannot provide a Result"),
        ('{"Status": "SUCCEEDED", "Result": "12345"}', "Execution output payload size must be"),
        ('{"Status": "FAILED", "Error": {"ErrorData": "12345"}}', "Error object size must be less"),
    ],
)
def test_an_invalid_output_fails_the_execution_at_once(output: str | None, message: str) -> None:
    scenario = running(limits=Limits(sync_output_bytes=4, error_bytes=4))
    scenario.ends(Returned(output))
    assert scenario.history[-2:] == ["InvocationCompleted", "ExecutionFailed"]
    error = scenario.execution.error
    assert error is not None
    assert error.type == "InvalidParameterValueException"
    assert (error.message or "").startswith(message)


@pytest.mark.parametrize(
    ("mode", "mebibytes"),
    [(InvokeMode.REQUEST_RESPONSE, 6), (InvokeMode.EVENT, 1), (InvokeMode.CHAINED, 1)],
)
def test_an_output_may_be_larger_if_somebody_waits_for_it(mode: InvokeMode, mebibytes: int) -> None:
    fits, too_large = running(mode=mode), running(mode=mode)
    fits.returns("SUCCEEDED", Result="x" * mebibytes * MEBIBYTE)
    assert fits.execution.status is ExecutionStatus.SUCCEEDED
    too_large.returns("SUCCEEDED", Result="x" * (mebibytes * MEBIBYTE + 1))
    error = too_large.execution.error
    assert error is not None
    assert error.message == (
        f"Execution output payload size must be less than or equal to {mebibytes * MEBIBYTE} bytes."
    )


def test_a_step_that_crashed_is_as_it_was() -> None:
    scenario = running()
    scenario.accepted(step("a", Action.SUCCEED), step("b"))
    operations = dict(scenario.execution.operations.items())
    scenario.crashes()
    assert dict(scenario.execution.operations.items()) == operations


def plain(mode: InvokeMode) -> Scenario:
    return running(durable=False, mode=mode)


def test_a_plain_functions_output_is_its_result_byte_for_byte() -> None:
    scenario = plain(InvokeMode.REQUEST_RESPONSE)
    scenario.ends(Returned(' {"Status": "MAYBE"}'))
    assert scenario.execution.status is ExecutionStatus.SUCCEEDED
    assert scenario.execution.result == ' {"Status": "MAYBE"}'


@pytest.mark.parametrize(
    ("mode", "message"),
    [
        (InvokeMode.REQUEST_RESPONSE, "The function's response is not UTF-8 text"),
        (InvokeMode.CHAINED, "CHAINED_INVOKE response could not be decoded as UTF-8."),
        (InvokeMode.EVENT, None),
    ],
)
def test_bytes_that_are_no_text_fail_a_plain_function_that_somebody_waits_for(
    mode: InvokeMode, message: str | None
) -> None:
    scenario = plain(mode)
    scenario.ends(Returned(None))
    error = scenario.execution.error
    if message is None:
        assert scenario.execution.status is ExecutionStatus.SUCCEEDED
    else:
        assert scenario.execution.status is ExecutionStatus.FAILED
        assert error is not None
        assert error.type == "InvalidParameterValueException"
        assert (error.message or "").startswith(message)


@pytest.mark.parametrize("mode", list(InvokeMode))
def test_a_plain_function_may_answer_six_mebibytes(mode: InvokeMode) -> None:
    large = "x" * 6 * MEBIBYTE
    fits, too_large = plain(mode), plain(mode)
    fits.ends(Returned(large))
    assert fits.execution.result == large
    too_large.ends(Returned(large + "x"))
    assert too_large.execution.error == ErrorObject(
        "Response payload size exceeded maximum allowed payload size (6291456 bytes).",
        "Function.ResponseSizeTooLarge",
    )


@pytest.mark.parametrize("mode", [InvokeMode.REQUEST_RESPONSE, InvokeMode.CHAINED])
def test_a_plain_function_that_somebody_waits_for_is_not_retried(mode: InvokeMode) -> None:
    scenario = plain(mode)
    scenario.crashes()
    assert scenario.execution.status is ExecutionStatus.FAILED


def test_a_plain_event_is_retried_twice() -> None:
    scenario = plain(InvokeMode.EVENT)
    for delay_seconds in (60, 120):
        scenario.crashes()
        assert ready_after(scenario) == delay_seconds
        scenario.after(delay_seconds).claim()
    scenario.crashes()
    assert scenario.execution.status is ExecutionStatus.FAILED
