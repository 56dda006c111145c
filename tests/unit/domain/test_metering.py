"""What Lambda counts: operations, and the bytes written for them."""

from __future__ import annotations

import pytest

from perdure_service.domain.decide_callback import decide_callback_success
from perdure_service.domain.execution import InvokeMode
from perdure_service.domain.operations import Action, OperationUpdate
from tests.support.scenario import (
    BROKEN,
    Scenario,
    callback,
    child_target,
    closing,
    context,
    invoke,
    retry,
    running,
    step,
    wait,
)

SUCCEED = Action.SUCCEED


def attempts(number: int, payload: str | None) -> list[list[OperationUpdate]]:
    """Batches of one step, as a retried step or, with a payload, a condition that is polled."""
    error = BROKEN if payload is None else None
    retried = [step("s"), retry("s", 1, payload=payload, error=error)]
    return [retried] * (number - 1) + [[step("s"), step("s", SUCCEED)]]


METERED: list[tuple[str, list[list[OperationUpdate]], int]] = [
    ("nothing", [[]], 0),
    ("a step", [[step("s"), step("s", SUCCEED)]], 1),
    ("a step that was never started", [[step("s", SUCCEED)]], 1),
    ("a step with two retries", attempts(3, None), 3),
    ("a condition polled three times", attempts(3, "1"), 3),
    ("a wait", [[wait("w")]], 1),
    ("a callback", [[callback("cb")]], 1),
    (
        "a callback that a step hands out",
        [[context("c"), callback("cb", parent_id="c"), step("s", SUCCEED, parent_id="c")]],
        3,
    ),
    ("a chained invoke", [[invoke("i")]], 1),
    ("a context", [[context("c")], [context("c", SUCCEED)]], 1),
    (
        "parallel of two",
        [[context("p"), context("p1", parent_id="p"), context("p2", parent_id="p")]],
        3,
    ),
]


@pytest.mark.parametrize(
    ("batches", "operations"),
    [row[1:] for row in METERED],
    ids=[row[0] for row in METERED],
)
def test_operations_are_counted_as_they_begin_and_once_more_per_retry(
    batches: list[list[OperationUpdate]], operations: int
) -> None:
    scenario = running()
    assert scenario.execution.metered_operations == 1, "the start"
    for batch in batches:
        scenario.after(1).accepted(*batch, targets={"i": child_target()})
    assert scenario.execution.metered_operations == 1 + operations
    scenario.returns("SUCCEEDED", Result="1")
    assert scenario.execution.metered_operations == 1 + operations, "the end is free"


def test_the_completion_of_a_callback_is_bytes_and_no_operation() -> None:
    scenario = running()
    scenario.accepted(callback("cb"))
    before = scenario.execution
    scenario.decide(lambda e, moment: decide_callback_success(e, "cb", "12345", moment))
    assert scenario.execution.metered_operations == before.metered_operations
    assert scenario.execution.stored_bytes == before.stored_bytes + 5


def test_inputs_results_and_errors_are_bytes() -> None:
    scenario = Scenario(mode=InvokeMode.EVENT)
    assert scenario.execution.stored_bytes == len('{"sku": "A-1"}')
    scenario.claim()
    before = scenario.execution.stored_bytes
    scenario.accepted(
        step("s", SUCCEED, payload="12"),
        context("c", SUCCEED, payload="123"),
        invoke("i", payload="1234"),
        step("f", Action.FAIL, error=BROKEN),
        closing(payload="12345"),
        targets={"i": child_target()},
    )
    assert scenario.execution.stored_bytes - before == 2 + 3 + 4 + BROKEN.size_bytes + 5
