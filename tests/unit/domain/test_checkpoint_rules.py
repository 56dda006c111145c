"""Lambda's texts, one per broken rule, and the order in which the rules are looked at."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure_service.domain.decide_callback import decide_callback_success
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.errors import InvalidCheckpoint, InvalidCheckpointToken
from perdure_service.domain.execution import InvokeMode
from perdure_service.domain.limits import MEBIBYTE, Limits
from perdure_service.domain.operations import (
    Action,
    ErrorObject,
    OperationUpdate,
    Status,
)
from tests.support.broken_rules import BROKEN_RULES, RUNNING_ALREADY, SEVERAL_BROKEN_RULES
from tests.support.executions import invocation_id
from tests.support.scenario import (
    Scenario,
    child_target,
    closing,
    context,
    retry,
    running,
    step,
)

SUCCEED, FAIL = Action.SUCCEED, Action.FAIL


@pytest.fixture
def scenario() -> Scenario:
    scenario = running()
    scenario.checkpoint(*RUNNING_ALREADY, targets={"invoke": child_target()})
    return scenario


@pytest.mark.parametrize(("message", "updates"), BROKEN_RULES)
def test_a_broken_rule_is_named_in_lambdas_words_and_nothing_changes(
    scenario: Scenario, message: str, updates: list[OperationUpdate]
) -> None:
    before, token = scenario.execution, scenario.token
    targets = {update.id: child_target() for update in updates}
    with pytest.raises(InvalidCheckpoint) as refusal:
        scenario.checkpoint(*updates, targets=targets)
    assert refusal.value.message == message
    assert scenario.execution is before
    scenario.accepted(step("the token still holds"), token=token)


@pytest.mark.parametrize(("message", "updates"), SEVERAL_BROKEN_RULES)
def test_of_several_broken_rules_the_first_in_lambdas_order_is_named(
    scenario: Scenario, message: str, updates: list[OperationUpdate]
) -> None:
    with pytest.raises(InvalidCheckpoint) as refusal:
        scenario.checkpoint(*updates)
    assert refusal.value.message == message


def test_the_token_is_looked_at_before_the_updates(scenario: Scenario) -> None:
    with pytest.raises(InvalidCheckpointToken, match=r"^Invalid checkpoint token$"):
        scenario.checkpoint(closing(), closing(), token=replace(scenario.token, seq=1))


@pytest.mark.parametrize(
    "forgery",
    [{"seq": 1}, {"seq": 99}, {"nonce": 99}, {"invocation_id": invocation_id(99)}],
    ids=["stale", "ahead", "of another timeline", "of another invocation"],
)
def test_only_the_newest_token_of_the_running_invocation_is_taken(
    scenario: Scenario, forgery: dict[str, object]
) -> None:
    before = scenario.execution
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint(step("a"), token=replace(scenario.token, **forgery))  # type: ignore[arg-type]
    assert scenario.execution is before


def test_a_token_is_used_up_even_by_a_checkpoint_without_updates(scenario: Scenario) -> None:
    used = scenario.token
    answer = scenario.accepted()
    assert answer.token == scenario.token != used
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint(token=used)


def test_no_token_is_valid_once_the_invocation_ended(scenario: Scenario) -> None:
    scenario.suspends()
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint()


def test_a_zombie_writes_nothing_once_another_invocation_runs(scenario: Scenario) -> None:
    zombies = scenario.token
    scenario.crashes()
    scenario.after(1).claim()
    before = scenario.execution
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint(step("a"), token=zombies)
    assert scenario.execution is before


def test_no_token_is_valid_once_the_execution_is_stopped(scenario: Scenario) -> None:
    scenario.decide(lambda e, moment: decide_stop(e, ErrorObject(), moment))
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint()


def test_no_token_is_valid_once_the_time_is_up_though_no_timer_fired() -> None:
    late = running(timeout_seconds=30).after(30)
    with pytest.raises(InvalidCheckpointToken):
        late.checkpoint(step("a"))


def test_a_callback_that_came_between_does_not_invalidate_the_token(scenario: Scenario) -> None:
    token = scenario.token
    scenario.decide(lambda e, moment: decide_callback_success(e, "callback", "1", moment))
    assert "callback" in scenario.accepted(token=token).changed


def test_an_omitted_identity_is_not_compared_and_never_erased(scenario: Scenario) -> None:
    scenario.checkpoint(step("step", SUCCEED, payload="1"))
    charged = scenario.operation("step")
    assert (charged.name, charged.sub_type, charged.parent_id) == ("charge", "Step", "ctx")
    ended = scenario.log[-1]
    assert (ended.name, ended.sub_type, ended.parent_id) == ("charge", "Step", "ctx")


def test_a_context_started_in_the_same_request_may_be_a_parent(scenario: Scenario) -> None:
    scenario.accepted(context("b"), step("c", parent_id="b"), context("b", SUCCEED))
    assert scenario.operation("c").parent_id == "b"
    assert scenario.operation("b").status is Status.SUCCEEDED


def test_a_start_and_an_end_of_one_step_give_two_events(scenario: Scenario) -> None:
    scenario.accepted(step("a"), step("a", SUCCEED, payload="1"))
    assert scenario.history[-2:] == ["StepStarted", "StepSucceeded"]


def test_an_execution_update_may_carry_any_id_and_closes_the_execution_itself(
    scenario: Scenario,
) -> None:
    answer = scenario.accepted(closing(payload="big"))
    assert answer.token is None
    assert answer.changed == (scenario.execution.id,)
    closed = scenario.log[-1]
    assert closed.operation_id == scenario.execution.id
    assert scenario.execution.result == "big"


def test_an_update_that_names_the_executions_id_is_of_another_type(scenario: Scenario) -> None:
    with pytest.raises(InvalidCheckpoint, match="Inconsistent operation type"):
        scenario.checkpoint(step(scenario.execution.id))


@pytest.mark.parametrize(
    ("mode", "limit"),
    [(InvokeMode.REQUEST_RESPONSE, 6), (InvokeMode.EVENT, 1), (InvokeMode.CHAINED, 1)],
)
def test_the_output_of_an_execution_may_be_larger_if_somebody_waits_for_it(
    mode: InvokeMode, limit: int
) -> None:
    scenario = running(mode=mode)
    with pytest.raises(InvalidCheckpoint, match="Execution output payload size must be"):
        scenario.checkpoint(closing(payload="x" * (limit * MEBIBYTE + 1)))
    scenario.accepted(closing(payload="x" * (limit * MEBIBYTE)))


def test_sizes_are_bytes_of_utf8() -> None:
    scenario = running(limits=Limits(operation_payload_bytes=3))
    with pytest.raises(InvalidCheckpoint):
        scenario.checkpoint(step("a", SUCCEED, payload="éé"))
    scenario.accepted(step("a", SUCCEED, payload="éx"))


def test_an_operation_over_the_quota_closes_the_execution_and_keeps_the_batch() -> None:
    scenario = running(limits=Limits(operations=3))
    assert scenario.accepted(step("a"), step("b")).token is not None
    answer = scenario.accepted(step("a", SUCCEED), step("c"))
    assert answer.token is None
    assert answer.changed[-1] == scenario.execution.id
    assert scenario.history[-3:] == ["StepSucceeded", "StepStarted", "ExecutionFailed"]
    assert scenario.execution.error is not None
    assert scenario.execution.error.type == "DurableExecutionQuotaExceeded"


def test_storage_over_the_quota_closes_the_execution() -> None:
    scenario = running(limits=Limits(stored_bytes=100))
    answer = scenario.accepted(step("a", SUCCEED, payload="x" * 100))
    assert answer.token is None
    assert scenario.history[-1] == "ExecutionFailed"


def test_a_retry_counts_as_another_operation() -> None:
    scenario = running(limits=Limits(operations=3))
    scenario.accepted(retry("a"))
    assert scenario.execution.operation_count == 3
