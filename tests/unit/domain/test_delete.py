"""What has ended may be deleted, by request or when its time has come."""

from __future__ import annotations

import pytest

from perdure_service.domain.decide_chained import ChildOutcome
from perdure_service.domain.effects import effects_between
from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.execution import ExecutionStatus
from tests.support.executions import at
from tests.support.scenario import Scenario, running

DAY = 86_400


def closed(**options: object) -> Scenario:
    scenario = running(**options)
    scenario.returns("SUCCEEDED", Result="1")
    return scenario


def test_it_is_given_up_with_no_event_and_may_go_at_once() -> None:
    scenario = closed()
    assert scenario.execution.purge_at == at(14 * DAY)
    before = scenario.execution
    assert scenario.after(5).deletes() == at(5)
    assert scenario.last.events == ()
    assert scenario.execution.status is ExecutionStatus.DELETING
    assert scenario.execution.purge_at == at(5)
    assert effects_between(before, scenario.execution, [], []).given_up


def test_a_repeat_is_answered_with_the_first_time() -> None:
    scenario = closed()
    scenario.after(5).deletes()
    assert scenario.after(5).deletes() == at(5)
    assert not scenario.last.changes


def test_what_is_open_is_not_deleted() -> None:
    scenario = running()
    with pytest.raises(ResourceConflict, match=r"RUNNING.*stop it"):
        scenario.deletes()


def test_what_has_run_out_of_time_is_closed_and_deleted_in_one() -> None:
    scenario = running(timeout_seconds=10)
    assert scenario.after(10).deletes() == at(10)
    assert scenario.history[-1] == "ExecutionTimedOut"


def test_its_outcome_is_what_its_parent_hears() -> None:
    scenario = closed()
    scenario.deletes()
    assert ChildOutcome.of(scenario.execution).status is ExecutionStatus.SUCCEEDED


def test_retention_counts_from_the_end_in_whole_days() -> None:
    scenario = running(retention_days=3)
    assert scenario.execution.purge_at is None
    scenario.after(50).returns("FAILED")
    assert scenario.execution.purge_at == at(50 + 3 * DAY)


def test_a_plain_invocation_is_kept_for_an_hour() -> None:
    scenario = running(durable=False)
    scenario.returns("SUCCEEDED")
    assert scenario.execution.purge_at == at(3_600)
