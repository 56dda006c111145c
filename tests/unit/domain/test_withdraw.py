"""Only what certainly never began may be taken back."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from perdure_service.domain.decide_invocation import decide_unclaim
from perdure_service.domain.decide_withdraw import decide_withdraw
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.operations import ErrorObject
from tests.support.scenario import Scenario, running

ERROR = ErrorObject("nobody is there", "ResourceConflictException")


def withdraws(scenario: Scenario) -> bool:
    return bool(
        scenario.decide(lambda execution, moment: decide_withdraw(execution, ERROR, moment))
    )


def test_a_plain_invocation_that_is_queued_fails_and_is_queued_no_more() -> None:
    scenario = Scenario(durable=False)
    assert withdraws(scenario)
    assert scenario.execution.status is ExecutionStatus.FAILED
    assert scenario.execution.error == ERROR
    assert not scenario.is_queued()
    assert not withdraws(scenario)


def claimed_and_given_back() -> Scenario:
    """Perhaps its worker has it all the same."""
    scenario = running(durable=False)
    lost = scenario.running.id
    scenario.decide(lambda execution, moment: decide_unclaim(execution, lost, moment))
    assert scenario.is_queued()
    return scenario


@pytest.mark.parametrize(
    "begun",
    [lambda: running(durable=False), claimed_and_given_back, Scenario],
    ids=["running", "given back", "durable"],
)
def test_what_may_have_begun_and_what_is_durable_is_kept(begun: Callable[[], Scenario]) -> None:
    scenario = begun()
    before = scenario.execution
    assert not withdraws(scenario)
    assert scenario.execution == before
