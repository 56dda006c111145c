"""A CHAINED_INVOKE starts its child in the same commit, and hears of its close by a notice."""

from __future__ import annotations

import pytest

from perdure_service.domain.apply_update import IllegalTarget, ResolvedTarget
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.decide_invocation import Failed, Returned
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decision import Moment
from perdure_service.domain.effects import effects_between
from perdure_service.domain.errors import InvalidCheckpoint
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import (
    ExecutionStatus,
    FailureKind,
    InvokeMode,
    ParentLink,
    Queued,
)
from perdure_service.domain.limits import MEBIBYTE, Limits
from perdure_service.domain.operations import ErrorObject, OperationType, Status
from tests.support.executions import at, new_execution
from tests.support.scenario import BROKEN, Scenario, child_target, closing, invoke, running, step

DONE = ChildOutcome(ExecutionStatus.SUCCEEDED, 60, "1")


def hears(scenario: Scenario, id_: str = "i", outcome: ChildOutcome = DONE) -> None:
    scenario.decide(lambda e, moment: decide_child_closed(e, id_, outcome, moment, scenario.limits))


def invoking(limits: Limits | None = None) -> Scenario:
    scenario = running(limits=limits)
    scenario.accepted(invoke("i"), targets={"i": child_target()})
    return scenario


def test_the_child_starts_with_the_parents_commit() -> None:
    scenario = running().after(3)
    target = child_target()
    scenario.accepted(invoke("i"), step("s"), targets={"i": target})
    (child,) = scenario.last.children
    assert child.after.identity == target.child.identity
    assert child.after.ledger.invocation == Queued(at(3))
    assert [event.type.value for event in child.events] == ["ExecutionStarted"]


def test_a_refused_batch_starts_nothing() -> None:
    scenario = running()
    with pytest.raises(InvalidCheckpoint):
        scenario.checkpoint(
            invoke("i"), step("s", parent_id="unheard-of"), targets={"i": child_target()}
        )
    assert scenario.last.children == ()


def test_a_child_starts_even_if_the_batch_closes_its_parent() -> None:
    scenario = running()
    scenario.accepted(invoke("i"), closing(), targets={"i": child_target()})
    assert len(scenario.last.children) == 1


def test_a_target_that_nobody_may_ask_for_refuses_the_batch() -> None:
    text = "Cannot start a CHAINED_INVOKE on a function in another account."
    scenario = running()
    with pytest.raises(InvalidCheckpoint) as refusal:
        scenario.checkpoint(step("s"), invoke("i"), targets={"i": IllegalTarget(text)})
    assert refusal.value.message == text
    assert scenario.history == ["ExecutionStarted"]


def test_a_plain_child_that_answers_over_one_mebibyte_fails_the_operation_in_lambdas_words() -> (
    None
):
    child = running(number=2, durable=False, mode=InvokeMode.CHAINED)
    child.ends(Returned("x" * (MEBIBYTE + 1)))
    scenario = invoking()
    hears(scenario, outcome=ChildOutcome.of(child.execution))
    assert scenario.operation("i").error == ErrorObject(
        "CHAINED_INVOKE output payload size must be less than or equal to 1048576 bytes.",
        "InvalidParameterValueException",
    )


@pytest.mark.parametrize(
    "failed",
    [
        Failed(FailureKind.TIMEOUT, ErrorObject("Task timed out", "Sandbox.Timedout")),
        Failed(FailureKind.ERROR, ErrorObject("no", "KeyError", stack_trace=("line 1",))),
        Failed(FailureKind.CRASH, ErrorObject("exit status 1", "Runtime.ExitError")),
    ],
)
def test_the_error_of_a_plain_child_is_that_of_the_operation(failed: Failed) -> None:
    child = running(number=2, durable=False, mode=InvokeMode.CHAINED)
    child.ends(failed)
    scenario = invoking()
    hears(scenario, outcome=ChildOutcome.of(child.execution))
    assert scenario.log[-1].type is EventType.CHAINED_INVOKE_FAILED
    assert scenario.operation("i").error == failed.error


def test_a_closing_child_leaves_a_notice_for_its_parent() -> None:
    link = ParentLink(new_execution().identity.id, "i")
    target = ResolvedTarget(new_execution(number=2, parent=link), nonce=2)
    started = decide_start(target.child, Moment(at(0), 1))
    stopped = decide_stop(started.after, BROKEN, Moment(at(1), 2))
    effects = effects_between(stopped.before, stopped.after, stopped.events, ())
    assert effects.closed
    assert effects.notice == link


def test_the_parent_hears_once_and_a_second_notice_only_goes_away() -> None:
    scenario = invoking()
    scenario.suspends()
    hears(scenario)
    assert scenario.last.heard == ("i",)
    assert scenario.operation("i").result == "1"
    assert scenario.is_queued()
    log = list(scenario.log)
    hears(scenario, outcome=ChildOutcome(ExecutionStatus.FAILED, 60, None, BROKEN))
    assert scenario.last.heard == ("i",)
    assert scenario.last.changes
    assert scenario.log == log


def test_a_closed_parent_only_takes_the_notice_away() -> None:
    scenario = invoking()
    scenario.decide(lambda e, moment: decide_stop(e, BROKEN, moment))
    log = list(scenario.log)
    hears(scenario)
    assert scenario.last.heard == ("i",)
    assert scenario.log == log
    assert scenario.operation("i").status is Status.STARTED


@pytest.mark.parametrize("id_", ["unheard-of", "s"])
def test_a_notice_for_something_else_completes_nothing(id_: str) -> None:
    scenario = running()
    scenario.accepted(step("s"))
    log = list(scenario.log)
    hears(scenario, id_)
    assert scenario.log == log


def test_a_result_over_the_limit_fails_the_operation() -> None:
    scenario = invoking(Limits(operation_payload_bytes=4))
    hears(scenario, outcome=ChildOutcome(ExecutionStatus.SUCCEEDED, 60, "12345"))
    operation = scenario.operation("i")
    assert (operation.type, operation.status) == (
        OperationType.CHAINED_INVOKE,
        Status.FAILED,
    )
    assert operation.result is None
    assert operation.error == ErrorObject(
        "CHAINED_INVOKE output payload size must be less than or equal to 4 bytes.",
        "InvalidParameterValueException",
    )


def test_the_outcome_of_a_child_is_read_off_its_state() -> None:
    child = running(number=2)
    child.returns("SUCCEEDED", Result="1")
    assert ChildOutcome.of(child.execution) == ChildOutcome(
        ExecutionStatus.SUCCEEDED, 86_400, "1", None
    )
