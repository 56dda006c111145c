"""A request whose answer was lost is answered again, identical, whatever came since."""

from __future__ import annotations

import pytest

from perdure_service.domain.decide_callback import decide_callback_success
from perdure_service.domain.decide_checkpoint import Accepted, Repeated
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.errors import InvalidCheckpointToken
from perdure_service.domain.execution import Execution, Ledger
from perdure_service.domain.folding import fold
from perdure_service.domain.operations import Action, ErrorObject, Operation, Status
from perdure_service.domain.views import changed_between, changed_operations
from tests.support.scenario import Scenario, callback, closing, retry, running, step, wait

View = list[tuple[Operation, Status]]


def view_of(execution: Execution, answer: Accepted | Repeated, changed: list[str]) -> View:
    operations = changed_operations(execution, changed)
    return [(operation, operation.status_at(answer.upto.now)) for operation in operations]


def shown(scenario: Scenario, answer: Accepted) -> View:
    return view_of(scenario.execution, answer, list(answer.changed))


def shown_again(scenario: Scenario, answer: Repeated) -> View:
    """As the service makes it: from the log up to the event that the first answer reached."""
    start = Execution(identity=scenario.execution.identity)
    then = fold(start, scenario.log[: answer.upto.event_id], Ledger())
    return view_of(then, answer, changed_between(then, answer.since, answer.upto))


@pytest.fixture
def scenario() -> Scenario:
    scenario = running()
    scenario.accepted(callback("cb"), wait("w", 5), retry("r", 5), step("s"))
    return scenario


def test_a_repeat_shows_the_same_and_names_the_same_next_token(scenario: Scenario) -> None:
    token = scenario.token
    first = scenario.after(5).accepted(step("s", Action.SUCCEED), client_token="c-1")
    view = shown(scenario, first)
    assert [(o.id, status) for o, status in view] == [
        ("w", Status.SUCCEEDED),
        ("r", Status.READY),
        ("s", Status.SUCCEEDED),
    ]
    scenario.after(1).decide(lambda e, moment: decide_callback_success(e, "cb", "1", moment))
    before = scenario.execution
    again = scenario.checkpoint(step("s", Action.SUCCEED), token=token, client_token="c-1")
    assert isinstance(again, Repeated)
    assert again.token == first.token
    assert shown_again(scenario, again) == view
    assert scenario.execution is before


def test_a_repeat_is_answered_after_the_invocation_ended_and_the_execution_stopped(
    scenario: Scenario,
) -> None:
    token = scenario.token
    first = scenario.accepted(client_token="c-1")
    scenario.suspends()
    scenario.decide(lambda e, moment: decide_stop(e, ErrorObject(), moment))
    again = scenario.checkpoint(token=token, client_token="c-1")
    assert isinstance(again, Repeated)
    assert again.token == first.token


def test_a_repeat_of_the_closing_checkpoint_shows_the_execution_closed(scenario: Scenario) -> None:
    token = scenario.token
    first = scenario.accepted(closing(payload="1"), client_token="c-1")
    view = shown(scenario, first)
    scenario.suspends()
    again = scenario.checkpoint(closing(payload="1"), token=token, client_token="c-1")
    assert isinstance(again, Repeated)
    assert shown_again(scenario, again) == view
    assert view[0][1] is Status.SUCCEEDED


def test_the_window_is_fifteen_minutes(scenario: Scenario) -> None:
    token = scenario.token
    scenario.accepted(client_token="c-1")
    assert isinstance(scenario.after(900).checkpoint(token=token, client_token="c-1"), Repeated)
    with pytest.raises(InvalidCheckpointToken):
        scenario.after(0.001).checkpoint(token=token, client_token="c-1")


def test_another_client_token_does_not_open_a_used_token(scenario: Scenario) -> None:
    token = scenario.token
    scenario.accepted(client_token="c-1")
    for other in ("c-2", None):
        with pytest.raises(InvalidCheckpointToken):
            scenario.checkpoint(token=token, client_token=other)


def test_a_client_token_with_the_next_token_is_a_new_request(scenario: Scenario) -> None:
    scenario.accepted(step("a"), client_token="c-1")
    assert isinstance(scenario.checkpoint(step("b"), client_token="c-1"), Accepted)


def test_only_the_last_request_is_remembered(scenario: Scenario) -> None:
    token = scenario.token
    scenario.accepted(client_token="c-1")
    scenario.accepted(client_token="c-2")
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint(token=token, client_token="c-1")


def test_the_next_invocation_forgets_the_requests_of_the_last(scenario: Scenario) -> None:
    token = scenario.token
    scenario.accepted(client_token="c-1")
    scenario.crashes()
    scenario.after(1).claim()
    with pytest.raises(InvalidCheckpointToken):
        scenario.checkpoint(token=token, client_token="c-1")
