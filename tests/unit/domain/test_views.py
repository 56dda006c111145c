"""What a function is shown: pruned, in start order, in pages, and as of one moment."""

from __future__ import annotations

import itertools

from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.operations import Action, Operation, OperationType, Status
from perdure_service.domain.views import (
    OperationPage,
    changed_between,
    changed_operations,
    page,
    visible_operations,
)
from tests.support.executions import at
from tests.support.scenario import closing, context, retry, running, step, wait

SUCCEED, FAIL = Action.SUCCEED, Action.FAIL


def ids(operations: list[Operation] | tuple[Operation, ...]) -> list[str]:
    return [operation.id for operation in operations]


def visible(execution: Execution) -> list[str]:
    return ids(visible_operations(execution))[1:]


def test_the_execution_comes_first_and_the_rest_in_start_order() -> None:
    scenario = running()
    names = [f"{n:02}" for n in (7, 3, 9, 1, 5)]
    scenario.accepted(*(step(name) for name in names))
    first, *rest = visible_operations(scenario.execution)
    assert first.type is OperationType.EXECUTION
    assert first.id == scenario.execution.id == scenario.execution.identity.arn.split("/")[-1]
    assert (first.status, first.started_at) == (Status.STARTED, at(0))
    assert ids(rest) == names


def test_what_lies_below_a_closed_context_is_left_out() -> None:
    scenario = running()
    scenario.accepted(
        context("outer"),
        context("inner", parent_id="outer"),
        step("deep", parent_id="inner"),
        step("beside"),
    )
    assert visible(scenario.execution) == ["outer", "inner", "deep", "beside"]
    scenario.accepted(context("inner", SUCCEED))
    assert visible(scenario.execution) == ["outer", "inner", "beside"]
    scenario.accepted(context("outer", FAIL))
    assert visible(scenario.execution) == ["outer", "beside"]


def test_a_context_may_keep_its_children_but_not_those_of_a_closed_one_below() -> None:
    scenario = running()
    scenario.accepted(
        context("big"),
        step("kept", parent_id="big"),
        context("small", parent_id="big"),
        step("gone", parent_id="small"),
    )
    scenario.accepted(context("small", SUCCEED))
    scenario.accepted(context("big", SUCCEED, payload="", replay_children=True))
    assert visible(scenario.execution) == ["big", "kept", "small"]
    big = scenario.operation("big")
    assert (big.result, big.replay_children) == ("", True)


def test_a_closed_context_hides_also_what_a_context_below_wants_to_keep() -> None:
    scenario = running()
    scenario.accepted(
        context("outer"), context("big", parent_id="outer"), step("s", parent_id="big")
    )
    scenario.accepted(context("big", SUCCEED, replay_children=True))
    scenario.accepted(context("outer", SUCCEED))
    assert visible(scenario.execution) == ["outer"]


def test_a_failed_context_keeps_nothing() -> None:
    scenario = running()
    scenario.accepted(context("c"), step("s", parent_id="c"))
    scenario.accepted(context("c", FAIL, replay_children=True))
    assert visible(scenario.execution) == ["c"]


def paged(execution: Execution, **limits: int) -> list[OperationPage]:
    operations, pages, position = visible_operations(execution), [], 0
    for _ in itertools.count():
        shown = page(
            operations,
            execution.ledger.seen,
            after_position=position,
            execution_input=execution.input,
            **limits,
        )
        pages.append(shown)
        if shown.next_position is None:
            return pages
        position = shown.next_position
    raise AssertionError("it never ends")


def test_pages_hold_so_many_operations_and_together_all() -> None:
    scenario = running()
    scenario.accepted(*(step(f"s{n}") for n in range(6)))
    pages = paged(scenario.execution, max_items=3, max_bytes=10**6)
    assert [len(shown.operations) for shown in pages] == [3, 3, 1]
    together = [operation for shown in pages for operation in shown.operations]
    assert together == visible_operations(scenario.execution)
    assert {shown.upto for shown in pages} == {scenario.execution.ledger.seen}


def test_a_last_page_that_is_just_full_has_no_next() -> None:
    scenario = running()
    scenario.accepted(step("a"), step("b"))
    (only,) = paged(scenario.execution, max_items=3, max_bytes=10**6)
    assert only.next_position is None


def test_pages_are_bounded_by_bytes_but_hold_at_least_one_operation() -> None:
    scenario = running()
    scenario.accepted(*(step(f"s{n}", SUCCEED, payload="x" * 1_000) for n in range(3)))
    pages = paged(scenario.execution, max_items=100, max_bytes=3_300)
    assert [len(shown.operations) for shown in pages] == [3, 1]
    pages = paged(scenario.execution, max_items=100, max_bytes=1)
    assert [len(shown.operations) for shown in pages] == [1, 1, 1, 1]


def test_the_input_counts_with_the_execution() -> None:
    scenario = running()
    scenario.accepted(step("s"))
    operations = visible_operations(scenario.execution)
    for input_, expected in ((None, 2), ("x" * 2_000, 1)):
        shown = page(
            operations,
            Sight(),
            after_position=0,
            max_items=10,
            max_bytes=2_000,
            execution_input=input_,
        )
        assert len(shown.operations) == expected


def test_an_answer_shows_what_changed_and_nothing_that_was_shown_before() -> None:
    scenario = running()
    scenario.accepted(step("a"), step("b"))
    assert set(scenario.accepted(step("a", SUCCEED)).changed) == {"a"}
    assert scenario.accepted().changed == ()


def test_a_retry_is_news_when_it_is_ready_and_only_once() -> None:
    scenario = running()
    scenario.accepted(retry("r", 5), wait("w", 5))
    assert scenario.after(4).accepted().changed == ()
    due = scenario.after(1).accepted()
    assert set(due.changed) == {"r", "w"}
    shown = changed_operations(scenario.execution, due.changed)
    assert [operation.status_at(due.upto.now) for operation in shown] == [
        Status.READY,
        Status.SUCCEEDED,
    ]
    assert scenario.after(1).accepted().changed == ()


def test_a_retry_that_fell_due_between_two_looks_is_found_again_by_those_looks() -> None:
    scenario = running()
    scenario.accepted(retry("r", 5))
    execution, last = scenario.execution, scenario.execution.last_event_id
    assert changed_between(execution, Sight(last, at(4)), Sight(last, at(5))) == ["r"]
    assert changed_between(execution, Sight(last, at(5)), Sight(last, at(6))) == []
    assert changed_between(execution, Sight(last, at(3)), Sight(last, at(4))) == []


def test_a_closing_answer_shows_the_execution_closed() -> None:
    scenario = running()
    answer = scenario.accepted(step("s"), closing(payload="1"))
    shown = changed_operations(scenario.execution, answer.changed)
    assert ids(shown) == [scenario.execution.id, "s"]
    assert (shown[0].status, shown[0].result, shown[0].ended_at) == (Status.SUCCEEDED, "1", at(0))
