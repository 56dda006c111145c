"""The table of transitions is Lambda's, and every combination that it leaves out is refused."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest

from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_success,
)
from perdure_service.domain.decide_chained import ChildOutcome, decide_child_closed
from perdure_service.domain.errors import InvalidCheckpoint
from perdure_service.domain.execution import OUTCOMES, ExecutionStatus
from perdure_service.domain.operations import (
    COMPLETIONS,
    TRANSITIONS,
    Action,
    Completion,
    OperationType,
    OperationUpdate,
    Status,
)
from tests.support.scenario import (
    BROKEN,
    Scenario,
    callback,
    cancel,
    child_target,
    context,
    invoke,
    refused_target,
    retry,
    running,
    step,
    wait,
)

T, A, S, C = OperationType, Action, Status, Completion

LAMBDAS_MATRIX = """
    EXECUTION       STARTED                 SUCCEED SUCCEEDED
    EXECUTION       STARTED                 FAIL    FAILED
    CONTEXT         none                    START   STARTED
    CONTEXT         none STARTED            SUCCEED SUCCEEDED
    CONTEXT         none STARTED            FAIL    FAILED
    STEP            none READY              START   STARTED
    STEP            none STARTED READY      SUCCEED SUCCEEDED
    STEP            none STARTED READY      FAIL    FAILED
    STEP            none STARTED READY      RETRY   PENDING
    WAIT            none                    START   STARTED
    WAIT            STARTED                 CANCEL  CANCELLED
    CALLBACK        none                    START   STARTED
    CHAINED_INVOKE  none                    START   STARTED
"""


def test_the_table_is_lambdas_matrix() -> None:
    expected = {}
    for row in LAMBDAS_MATRIX.split("\n")[1:-1]:
        type_, *before, action, following = row.split()
        for status in before:
            prior = None if status == "none" else S(status)
            expected[T(type_), prior, A(action)] = S(following)
    assert expected == TRANSITIONS


def resolve(scenario: Scenario) -> None:
    scenario.decide(lambda e, now: decide_callback_success(e, "op", "ok", now))


def reject(scenario: Scenario) -> None:
    scenario.decide(lambda e, now: decide_callback_failure(e, "op", BROKEN, now))


def close_child(status: ExecutionStatus) -> Callable[[Scenario], None]:
    outcome = ChildOutcome(status, timeout_seconds=60)
    return lambda scenario: scenario.decide(
        lambda e, now: decide_child_closed(e, "op", outcome, now, scenario.limits)
    )


def checkpoints(*updates: OperationUpdate) -> Callable[[Scenario], None]:
    def send(scenario: Scenario) -> None:
        for update in updates:
            scenario.checkpoint(update, targets={"op": child_target()})

    return send


def waits(seconds: float) -> Callable[[Scenario], None]:
    return lambda scenario: scenario.after(seconds).tick()


WAYS: dict[tuple[OperationType, Status | None], list[Callable[[Scenario], None]]] = {
    **{(type_, None): [] for type_ in T if type_ is not T.EXECUTION},
    (T.EXECUTION, S.STARTED): [],
    (T.CONTEXT, S.STARTED): [checkpoints(context("op"))],
    (T.CONTEXT, S.SUCCEEDED): [checkpoints(context("op", A.SUCCEED))],
    (T.CONTEXT, S.FAILED): [checkpoints(context("op", A.FAIL))],
    (T.STEP, S.STARTED): [checkpoints(step("op"))],
    (T.STEP, S.PENDING): [checkpoints(retry("op", 5))],
    (T.STEP, S.READY): [checkpoints(retry("op", 5)), waits(5)],
    (T.STEP, S.SUCCEEDED): [checkpoints(step("op", A.SUCCEED))],
    (T.STEP, S.FAILED): [checkpoints(step("op", A.FAIL))],
    (T.WAIT, S.STARTED): [checkpoints(wait("op", 5))],
    (T.WAIT, S.SUCCEEDED): [checkpoints(wait("op", 5)), waits(5)],
    (T.WAIT, S.CANCELLED): [checkpoints(wait("op", 5), cancel("op"))],
    (T.CALLBACK, S.STARTED): [checkpoints(callback("op"))],
    (T.CALLBACK, S.SUCCEEDED): [checkpoints(callback("op")), resolve],
    (T.CALLBACK, S.FAILED): [checkpoints(callback("op")), reject],
    (T.CALLBACK, S.TIMED_OUT): [checkpoints(callback("op", timeout=5)), waits(5)],
    (T.CHAINED_INVOKE, S.STARTED): [checkpoints(invoke("op"))],
    **{
        (T.CHAINED_INVOKE, S(status.value)): [checkpoints(invoke("op")), close_child(status)]
        for status in OUTCOMES
    },
}
"""How an operation `op` comes to each status that it can have."""

COMBINATIONS = [(*state, action) for state, action in itertools.product(WAYS, A)]


def arrived_at(type_: OperationType, status: Status | None) -> Scenario:
    scenario = running()
    for way in WAYS[type_, status]:
        way(scenario)
    return scenario


def legal_update(type_: OperationType, action: Action) -> OperationUpdate:
    """With all the options that this type and action need."""
    match type_, action:
        case T.STEP, A.RETRY:
            return retry("op")
        case T.WAIT, A.START:
            return wait("op")
        case T.CHAINED_INVOKE, A.START:
            return invoke("op")
        case _:
            return OperationUpdate("op", type_, action)


def test_all_statuses_of_the_tables_are_reached() -> None:
    reachable = {(type_, status) for type_, status, _ in TRANSITIONS}
    reachable |= {(type_, following) for (type_, _, _), following in TRANSITIONS.items()}
    reachable |= {(type_, following) for (type_, _, _), following in COMPLETIONS.items()}
    assert {state for state in reachable if state[0] is not T.EXECUTION} <= set(WAYS)


@pytest.mark.parametrize(("type_", "status"), WAYS)
def test_each_way_leads_where_it_says(type_: OperationType, status: Status | None) -> None:
    scenario = arrived_at(type_, status)
    operation = scenario.execution.operations.get("op")
    if type_ is T.EXECUTION:
        operation = scenario.execution.execution_operation()
    now = scenario.execution.effective_now(scenario.moment().clock)
    assert (operation.status_at(now) if operation is not None else None) is status


@pytest.mark.parametrize(("type_", "status", "action"), COMBINATIONS)
def test_exactly_the_combinations_of_the_table_are_accepted(
    type_: OperationType, status: Status | None, action: Action
) -> None:
    scenario = arrived_at(type_, status)
    before, update = scenario.execution, legal_update(type_, action)
    following = TRANSITIONS.get((type_, status, action))
    if following is None:
        with pytest.raises(InvalidCheckpoint, match=r"^(Invalid|Cannot) "):
            scenario.checkpoint(update, targets={"op": child_target()})
        assert scenario.execution is before
        return
    scenario.checkpoint(update, targets={"op": child_target()})
    if type_ is T.EXECUTION:
        assert scenario.execution.execution_operation().status is following
    else:
        assert scenario.operation("op").status is following


@pytest.mark.parametrize(("completion", "following"), COMPLETIONS.items())
def test_what_the_service_completes_follows_the_second_table(
    completion: tuple[OperationType, Status, Completion], following: Status
) -> None:
    type_, status, what = completion
    scenario = running()
    timed: dict[OperationType, OperationUpdate] = {
        T.STEP: retry("op", 5),
        T.WAIT: wait("op", 5),
        T.CALLBACK: callback("op", timeout=5),
        T.CHAINED_INVOKE: invoke("op"),
    }
    target = refused_target() if what is C.TARGET_REFUSED else child_target()
    scenario.checkpoint(timed[type_], targets={"op": target})
    if what is not C.TARGET_REFUSED:
        assert scenario.operation("op").status is status
    match what:
        case C.TIME_REACHED:
            scenario.after(5).tick()
        case C.RESOLVED:
            resolve(scenario)
        case C.REJECTED:
            reject(scenario)
        case C.CHILD_SUCCEEDED | C.CHILD_FAILED | C.CHILD_TIMED_OUT | C.CHILD_STOPPED:
            close_child(ExecutionStatus(following.value))(scenario)
        case C.TARGET_REFUSED:
            pass
    now = scenario.execution.effective_now(scenario.moment().clock)
    assert scenario.operation("op").status_at(now) is following
