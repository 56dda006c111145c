"""The rows that follow from a change, for one decision and for several in one append."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_heartbeat,
    decide_callback_success,
)
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decision import Decision
from perdure_service.domain.effects import CallbackRow, Effects, TimerSet, effects_between
from perdure_service.domain.execution import InvokeMode, Queued, TimerKind
from perdure_service.domain.operations import Action
from tests.support.executions import at
from tests.support.scenario import (
    BROKEN,
    Scenario,
    callback,
    cancel,
    retry,
    running,
    step,
    wait,
)

DEADLINE = TimerSet((TimerKind.EXECUTION, ""), at(86_400))


def effects_of(*decisions: Decision[Any]) -> Effects:
    events = [event for decision in decisions for event in decision.events]
    touched = [key for decision in decisions for key in decision.touched_timers]
    return effects_between(decisions[0].before, decisions[-1].after, events, set(touched))


def kinds(timers: Sequence[TimerSet]) -> set[TimerKind]:
    return {timer.key[0] for timer in timers}


def test_a_start_arms_the_deadline_and_queues_the_first_invocation() -> None:
    started = Scenario().last
    effects = effects_between(None, started.after, started.events, started.touched_timers)
    assert effects == Effects(timers_set=(DEADLINE,), queue_moved=True, queue=Queued(at(0)))


def test_steps_write_no_rows() -> None:
    scenario = running()
    scenario.accepted(step("a"), step("a", Action.SUCCEED))
    assert effects_of(scenario.last) == Effects(queue=scenario.running)


def test_operations_that_wait_arm_their_timers() -> None:
    scenario = running()
    scenario.accepted(wait("w", 1), retry("r", 2), callback("cb", 3, 4, name="approval"))
    effects = effects_of(scenario.last)
    assert set(effects.timers_set) == {
        TimerSet((TimerKind.WAIT, "w"), at(1)),
        TimerSet((TimerKind.RETRY, "r"), at(2)),
        TimerSet((TimerKind.CALLBACK, "cb"), at(3)),
        TimerSet((TimerKind.HEARTBEAT, "cb"), at(4)),
    }
    assert effects.callbacks_opened == (CallbackRow("cb", "approval", at(0)),)
    assert not effects.queue_moved


def test_what_ends_clears_its_timers() -> None:
    scenario = running()
    scenario.accepted(wait("w", 100), retry("r", 2), callback("cb", 300, 400))
    scenario.after(2).accepted(cancel("w"), step("r"))
    assert set(effects_of(scenario.last).timers_cleared) == {
        (TimerKind.WAIT, "w"),
        (TimerKind.RETRY, "r"),
    }
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", None, moment))
    effects = effects_of(scenario.last)
    assert set(effects.timers_cleared) == {
        (TimerKind.CALLBACK, "cb"),
        (TimerKind.HEARTBEAT, "cb"),
    }
    assert effects.callbacks_closed == ("cb",)


def test_a_retry_that_fired_is_cleared_and_wakes() -> None:
    scenario = running()
    scenario.accepted(retry("r", 2))
    scenario.suspends()
    scenario.after(2).tick()
    effects = effects_of(scenario.last)
    assert effects.timers_cleared == ((TimerKind.RETRY, "r"),)
    assert (effects.queue_moved, effects.queue) == (True, Queued(at(2)))


def test_a_heartbeat_moves_one_row() -> None:
    scenario = running()
    scenario.accepted(callback("cb", 60, 10))
    scenario.after(5).decide(lambda e, moment: decide_callback_heartbeat(e, "cb", moment))
    moved = TimerSet((TimerKind.HEARTBEAT, "cb"), at(15))
    assert effects_of(scenario.last) == Effects(timers_set=(moved,), queue=scenario.running)


def test_a_close_takes_all_rows_away_in_one_word() -> None:
    scenario = running()
    scenario.accepted(wait("w", 100), callback("cb", 300, 400))
    scenario.suspends()
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", None, moment))
    scenario.decide(lambda e, moment: decide_stop(e, BROKEN, moment))
    assert effects_of(scenario.last) == Effects(closed=True, queue_moved=True, queue=None)


def test_the_end_of_an_invocation_after_the_close_only_empties_the_queue() -> None:
    scenario = running()
    scenario.decide(lambda e, moment: decide_stop(e, BROKEN, moment))
    assert effects_of(scenario.last).queue == scenario.running
    scenario.suspends()
    assert effects_of(scenario.last) == Effects(queue_moved=True, queue=None)


def test_what_begins_and_ends_in_one_append_leaves_no_row() -> None:
    scenario = running()
    scenario.accepted(callback("cb", 60), wait("w", 60))
    opened = scenario.last
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", None, moment))
    answered = scenario.last
    scenario.accepted(cancel("w"))
    effects = effects_of(opened, answered, scenario.last)
    assert effects == Effects(queue=scenario.running)


def test_a_queue_that_moves_away_and_back_in_one_append_has_not_moved() -> None:
    scenario = running()
    scenario.accepted(wait("w", 60), callback("cb"))
    first = scenario.last
    scenario.suspends()
    second = scenario.last
    assert effects_of(first, second).queue_moved
    assert kinds(effects_of(first, second).timers_set) == {TimerKind.WAIT}
    scenario.after(60).tick()
    queued = scenario.last
    scenario.claim()
    scenario.suspends()
    assert not effects_of(queued, scenario.last).queue_moved


@pytest.mark.parametrize("how", ["FAILED", "STOPPED", "TIMED_OUT"])
def test_an_asynchronous_execution_that_does_not_succeed_gives_a_dead_letter(how: str) -> None:
    scenario = running(mode=InvokeMode.EVENT, dead_letter_target="http://here/", timeout_seconds=9)
    invocation = scenario.running.id
    match how:
        case "FAILED":
            scenario.returns("FAILED", Error={"ErrorType": "E", "ErrorMessage": "\u00e9" * 600})
        case "STOPPED":
            scenario.decide(lambda e, moment: decide_stop(e, BROKEN, moment))
        case _:
            scenario.after(9).tick()
    letter = effects_of(scenario.last).dead_letter
    assert letter is not None
    assert (letter.target, letter.event, letter.status) == ("http://here/", '{"sku": "A-1"}', how)
    assert (letter.request_id, letter.closed_at) == (invocation, scenario.execution.ended_at)
    if how == "FAILED":
        assert (letter.error_type, letter.error_message) == ("E", "\u00e9" * 512), "a kibibyte"
    if scenario.execution.ledger.invocation is not None:
        scenario.suspends()
        assert effects_of(scenario.last).dead_letter is None, "one is enough"


def test_what_succeeds_or_names_no_target_gives_none() -> None:
    well = running(mode=InvokeMode.EVENT, dead_letter_target="http://here/")
    well.returns("SUCCEEDED")
    assert effects_of(well.last).dead_letter is None
    silent = running(mode=InvokeMode.EVENT)
    silent.returns("FAILED")
    assert effects_of(silent.last).dead_letter is None
