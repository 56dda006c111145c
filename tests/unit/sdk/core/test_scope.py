"""Where operations stand: ids, what a replay may meet, and what is the same on every replay."""

from __future__ import annotations

from hashlib import blake2b

import pytest

from perdure.core.scope import Scope, operation_id
from perdure.exceptions import NonDeterministicExecutionError, OrphanedChildException
from tests.support.core_stage import Stage, recorded


def test_ids_are_those_of_awss_sdk() -> None:
    from aws_durable_execution_sdk_python.identifier import OperationIdNamespace

    for prefix, number in ((None, 1), (None, 12), ("abc", 3)):
        assert operation_id(prefix, number) == OperationIdNamespace(prefix).create_id_for_step(
            number
        )
    assert operation_id(None, 1) == blake2b(b"1").hexdigest()[:64]


def test_a_replay_that_meets_another_operation_names_both_the_place_and_the_remedy() -> None:
    done = recorded(Stage().place("WAIT", "Wait", "pause"), "SUCCEEDED")
    with pytest.raises(NonDeterministicExecutionError) as raised:
        Stage(done).place("STEP", "Step", "charge")
    text = str(raised.value)
    assert "step 'charge' at core_stage.py:" in text
    assert "where wait 'pause' is recorded" in text
    assert "same order" in text
    assert "new version" in text
    assert raised.value.step_id == operation_id(None, 1)


@pytest.mark.parametrize(
    ("type_", "sub_type", "name"),
    [
        ("STEP", "Step", "other"),
        ("STEP", "Step", None),
        ("STEP", "WaitForCondition", "work"),
        ("CONTEXT", "Step", "work"),
    ],
)
def test_any_difference_in_identity_is_another_operation(
    type_: str, sub_type: str, name: str | None
) -> None:
    done = recorded(Stage().place(), "SUCCEEDED")
    with pytest.raises(NonDeterministicExecutionError):
        Stage(done).place(type_, sub_type, name)  # type: ignore[arg-type]


def test_the_same_operation_in_another_context_is_another_one() -> None:
    outer = Stage()
    done = recorded(outer.scope.child(outer.place(), virtual=False).place("STEP", "Step", "x"), "X")
    done["ParentId"] = "somewhere else"
    stage = Stage(done)
    child = stage.scope.child(stage.place(), virtual=False)
    with pytest.raises(NonDeterministicExecutionError, match="of another context"):
        child.place("STEP", "Step", "x")


def test_operations_of_a_virtual_context_lie_in_the_parent_under_ids_of_their_own() -> None:
    stage = Stage()
    branch = stage.place("CONTEXT", "ParallelBranch", None)
    inner = stage.scope.child(branch, virtual=True).place("STEP", "Step", "x")
    assert inner.parent_id is None
    assert inner.id == operation_id(branch.id, 1)


def test_nothing_can_be_queued_below_a_closed_context() -> None:
    stage = Stage()
    scope = stage.scope.child(stage.place("CONTEXT", "Map", None), virtual=False)
    inner = scope.child(scope.place("CONTEXT", "MapIteration", None), virtual=False)
    place = inner.place("STEP", "Step", None)
    scope.closed = True
    with pytest.raises(OrphanedChildException):
        place.queue(place.update("START"))
    assert stage.queued == []


def test_replaying_ends_with_the_last_recorded_operation() -> None:
    done = recorded(Stage().place(), "SUCCEEDED")
    stage = Stage(done)
    assert stage.scope.replaying
    place = stage.place()
    assert not stage.scope.enter(place)
    assert stage.scope.replaying
    stage.scope.leave(place, False)
    assert not stage.scope.replaying


def test_a_step_that_is_tried_again_is_new() -> None:
    stage = Stage(recorded(Stage().place(), "READY"))
    assert stage.scope.replaying
    stage.scope.enter(stage.place())
    assert not stage.scope.replaying


def test_a_wait_that_goes_on_is_not_new_but_what_follows_is() -> None:
    stage = Stage(recorded(Stage().place("WAIT", "Wait", None), "STARTED"))
    place = stage.place("WAIT", "Wait", None)
    ends = stage.scope.enter(place)
    assert stage.scope.replaying
    stage.scope.leave(place, ends)
    assert not stage.scope.replaying


def test_what_is_drawn_depends_on_the_execution_the_context_and_the_number() -> None:
    def draws(scope: Scope) -> list[int]:
        return [scope.draw() for _ in range(3)]

    one = draws(Stage().scope)
    assert draws(Stage().scope) == one
    assert len(set(one)) == 3
    stage = Stage()
    child = stage.scope.child(stage.place("CONTEXT", "Map", None), virtual=False)
    assert not set(draws(child)) & set(one)
    other = Stage()
    other.replay.arn = "another execution"
    assert not set(draws(other.scope)) & set(one)


def test_time_is_when_the_last_operation_ended_in_either_form_of_timestamps() -> None:
    stage = Stage()
    assert stage.scope.latest == 1_700_000_000.0
    place = stage.place()
    done = recorded(place, "SUCCEEDED")
    done["EndTimestamp"] = 1_700_000_009_123
    stage.replay.sent(0, [done])
    stage.scope.leave(place, False)
    in_milliseconds = stage.scope.latest
    done["EndTimestamp"] = 1_700_000_009.123
    assert stage.scope.latest == in_milliseconds == done["EndTimestamp"]
