"""What completes while the function runs is owed to it until there is proof that it acted."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.operations import Action, Status
from tests.support.scenario import (
    Scenario,
    callback,
    cancel,
    child_target,
    context,
    invoke,
    refused_target,
    retry,
    running,
    step,
    wait,
)

SUCCEED = Action.SUCCEED
MONTH = 30 * 86_400


def calls_back(scenario: Scenario, id_: str = "cb") -> None:
    scenario.decide(lambda e, moment: decide_callback_success(e, id_, "1", moment))


def closes_child(scenario: Scenario) -> None:
    outcome = ChildOutcome(ExecutionStatus.SUCCEEDED, 60, "1")
    scenario.decide(lambda e, moment: decide_child_closed(e, "i", outcome, moment, scenario.limits))


def wait_ends(scenario: Scenario) -> None:
    scenario.after(5).tick()


COMPLETIONS: list[Callable[[Scenario], None]] = [calls_back, closes_child, wait_ends]


def parallel() -> Scenario:
    """A callback, a chained invoke, a 5 s wait and a wait of a month, all in flight."""
    scenario = running()
    scenario.accepted(
        callback("cb"),
        invoke("i"),
        wait("soon", 5),
        wait("later", MONTH),
        targets={"i": child_target()},
    )
    return scenario


def test_parallel_of_a_callback_a_step_and_a_long_wait() -> None:
    """The callback completes while the step runs: its success is in the step's answer, and the SDK
    suspends all the same. What follows the callback runs at once, not in a month."""
    scenario = running()
    scenario.accepted(callback("cb"), wait("w", MONTH), step("s"))
    scenario.after(1)
    calls_back(scenario)
    answer = scenario.after(0.5).accepted(step("s", SUCCEED))
    assert set(answer.changed) == {"cb", "s"}
    scenario.suspends()
    assert scenario.is_queued()
    scenario.claim()
    scenario.suspends()
    assert not scenario.is_queued(), "the initial state of the second invocation is proof"


@pytest.mark.parametrize("completes", COMPLETIONS)
def test_what_completes_during_an_invocation_leads_to_another(
    completes: Callable[[Scenario], None],
) -> None:
    scenario = parallel()
    completes(scenario)
    assert not scenario.is_queued(), "one runs already"
    scenario.suspends()
    assert scenario.is_queued()
    assert scenario.execution.ledger.invocation is not None


@pytest.mark.parametrize("completes", COMPLETIONS)
def test_what_completes_while_nothing_runs_wakes_at_once_and_is_not_owed_again(
    completes: Callable[[Scenario], None],
) -> None:
    scenario = parallel()
    scenario.suspends()
    completes(scenario)
    assert scenario.is_queued()
    scenario.claim()
    scenario.suspends()
    assert not scenario.is_queued()


def test_an_answer_is_no_proof() -> None:
    scenario = parallel()
    calls_back(scenario)
    assert "cb" in scenario.accepted().changed
    assert "cb" not in scenario.accepted().changed
    scenario.suspends()
    assert scenario.is_queued()


def test_a_closed_context_pays_for_all_that_lies_below() -> None:
    scenario = running()
    scenario.accepted(
        context("outer"),
        context("inner", parent_id="outer"),
        callback("cb", parent_id="inner"),
        wait("w", MONTH),
    )
    calls_back(scenario)
    scenario.accepted(context("outer", SUCCEED))
    scenario.suspends()
    assert not scenario.is_queued()


def test_a_retry_that_fell_due_is_owed_until_the_step_moves_on() -> None:
    scenario = running()
    scenario.accepted(retry("s", 5), wait("w", MONTH))
    scenario.after(5).tick()
    scenario.suspends()
    assert scenario.is_queued()
    scenario.claim()
    assert scenario.operation("s").status_at(scenario.last.answer.upto.now) is Status.READY


def test_a_retry_whose_step_moved_on_is_paid() -> None:
    scenario = running()
    scenario.accepted(retry("s", 5), wait("w", MONTH))
    scenario.after(5).accepted(step("s"))
    scenario.accepted(step("s", SUCCEED))
    scenario.suspends()
    assert not scenario.is_queued()


def test_a_retry_due_though_no_timer_fired_is_owed() -> None:
    scenario = running()
    scenario.accepted(retry("s", 5))
    scenario.after(5).suspends()
    assert scenario.is_queued()


def test_what_the_function_did_itself_is_not_owed() -> None:
    scenario = running()
    scenario.accepted(
        invoke("i"), wait("w", 5), wait("later", MONTH), targets={"i": refused_target()}
    )
    scenario.accepted(cancel("w"))
    scenario.suspends()
    assert not scenario.is_queued()


def test_a_crash_with_a_debt_is_followed_by_one_invocation_which_is_shown_it() -> None:
    scenario = parallel()
    calls_back(scenario)
    scenario.crashes()
    assert scenario.is_queued()
    delivery = scenario.after(1).claim()
    assert "cb" in delivery.updated_operation_ids
    scenario.suspends()
    assert not scenario.is_queued()


def test_a_completion_during_a_backoff_does_not_queue_a_second_invocation() -> None:
    scenario = parallel()
    scenario.crashes()
    queued = scenario.execution.ledger.invocation
    calls_back(scenario)
    assert scenario.execution.ledger.invocation == queued


@pytest.mark.parametrize("command", ["heartbeat", "callback", "child"])
def test_whoever_finds_a_timer_due_wakes_the_function(command: str) -> None:
    """The timer is gone once somebody has seen to it, so nobody else would."""
    scenario = running()
    scenario.accepted(
        callback("cb", heartbeat=60), wait("w", 5), invoke("i"), targets={"i": child_target()}
    )
    scenario.suspends()
    scenario.after(5)
    match command:
        case "heartbeat":
            scenario.decide(lambda e, moment: decide_callback_heartbeat(e, "cb", moment))
            assert scenario.history[-1] == "WaitSucceeded"
        case "callback":
            calls_back(scenario)
        case _:
            closes_child(scenario)
    assert scenario.is_queued()
