"""The log, the ledger and the heartbeat timers give the whole state, at once or bit by bit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perdure_service.domain.decide_callback import decide_callback_heartbeat
from perdure_service.domain.execution import Execution, Ledger, TimerKind
from perdure_service.domain.folding import fold
from perdure_service.domain.instant import NEVER, Instant
from perdure_service.domain.operations import Action, ErrorObject
from tests.support.executions import at
from tests.support.scenario import BROKEN, Scenario, callback, closing, retry, running, step, wait


def heartbeats(execution: Execution) -> dict[str, Instant]:
    """As they are read from the timer table."""
    return {id_: due for (kind, id_), due in execution.armed.items() if kind is TimerKind.HEARTBEAT}


def folded(scenario: Scenario, onto: Execution | None = None) -> Execution:
    state = onto or Execution(identity=scenario.execution.identity)
    live = scenario.execution
    return fold(state, scenario.log[state.last_event_id :], live.ledger, heartbeats(live))


def eventful() -> Scenario:
    scenario = running()
    scenario.accepted(callback("cb", 60, 5), wait("w", 2), retry("r", 3), step("s", Action.SUCCEED))
    scenario.suspends()
    return scenario


def test_the_whole_log_gives_the_live_state() -> None:
    scenario = eventful()
    scenario.after(3).tick()
    assert folded(scenario) == scenario.execution


def test_a_heartbeat_that_moved_is_read_from_its_timer() -> None:
    scenario = eventful()
    scenario.after(1).decide(lambda e, moment: decide_callback_heartbeat(e, "cb", moment))
    assert scenario.execution.armed.get((TimerKind.HEARTBEAT, "cb")) == at(6)
    assert folded(scenario) == scenario.execution


def test_an_old_state_catches_up_with_what_came_after_it() -> None:
    scenario = eventful()
    old = scenario.execution
    scenario.after(1).decide(lambda e, moment: decide_callback_heartbeat(e, "cb", moment))
    scenario.after(2).tick()
    scenario.claim()
    scenario.accepted(step("r"))
    assert folded(scenario, onto=old) == scenario.execution == folded(scenario)
    assert old.last_event_id < scenario.execution.last_event_id


def test_a_closed_execution_has_no_timers_and_no_news() -> None:
    scenario = eventful()
    scenario.after(3).tick()
    scenario.claim()
    scenario.accepted(closing(Action.FAIL, error=BROKEN))
    assert folded(scenario) == scenario.execution
    assert len(scenario.execution.armed) == len(scenario.execution.recent) == 0
    assert scenario.execution.next_due_at == NEVER


def test_bytes_count_what_was_stored_in_utf8() -> None:
    scenario = running()
    before = scenario.execution.stored_bytes
    error = ErrorObject("é", "E", "dd", ("a", "b"))
    scenario.accepted(step("a", Action.SUCCEED, payload="éé"), step("b", Action.FAIL, error=error))
    assert scenario.execution.stored_bytes - before == 4 + 7


def test_time_never_goes_back_for_an_execution() -> None:
    scenario = running()
    scenario.after(10).accepted(step("a"))
    scenario.after(-8).accepted(step("b"), wait("w", 1))
    assert scenario.log[-2].at == at(10)
    assert scenario.operation("w").due_at == at(11)


def test_time_never_goes_back_behind_what_was_only_shown() -> None:
    """A look without an event counts too: what it showed as READY stays so."""
    scenario = running()
    scenario.accepted(retry("r", 5))
    assert scenario.after(5).accepted().changed == ("r",)
    scenario.after(-4).accepted(step("r"))
    assert scenario.log[-1].at == at(5)


def test_an_event_out_of_order_is_a_fault() -> None:
    scenario = eventful()
    start = Execution(identity=scenario.execution.identity)
    with pytest.raises(ValueError, match="event 2 does not follow 0"):
        fold(start, scenario.log[1:], Ledger())


def test_a_completion_of_nothing_is_a_fault() -> None:
    scenario = eventful()
    scenario.after(2).tick()
    ended = replace(scenario.log[-1], id=scenario.log[-1].id + 1, operation_id="unheard-of")
    with pytest.raises(ValueError, match="was never started"):
        fold(scenario.execution, [ended], scenario.execution.ledger)
