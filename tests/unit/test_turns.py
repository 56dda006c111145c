"""Turns of functions, and of the versions of one."""

from __future__ import annotations

from perdure_service.dispatch.turns import Turns
from perdure_service.domain.ids import FunctionVersionId

A1, A2, B1 = (FunctionVersionId(text) for text in ("a1", "a2", "b1"))


def turns() -> Turns:
    turns = Turns()
    for function, version_id in (("a", A1), ("a", A2), ("b", B1), ("a", A1)):
        turns.give(function, version_id)
    return turns


def test_who_has_used_its_turn_goes_behind_the_others() -> None:
    waiting, order = turns(), []
    for _ in range(6):
        function, version_id = waiting.next()
        order.append(version_id)
        waiting.give(function, version_id)
        waiting.over(function)
    assert order == [A1, B1, A2, B1, A1, B1]


def test_a_version_that_finds_nothing_leaves_the_turn_to_the_next_of_its_function() -> None:
    waiting, order = turns(), []
    while waiting:
        order.append(waiting.next()[1])
    assert order == [A1, A2, B1]
