"""The condition that is polled: a step whose attempts hand a state on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.core.decisions import wait_decision
from perdure.core.effects import COMMIT, Call, Cancelled, Park, Program
from perdure.core.replay import epoch_seconds
from perdure.core.scope import Place
from perdure.core.steps import fail_step, record_cancellation
from perdure.core.values import check_size, fail, read, write
from perdure.exceptions import WaitForConditionError, ends_invocation
from perdure.lambda_service import ErrorObject
from perdure.waits import WaitForConditionConfig


def condition_program(
    place: Place,
    check: Callable[[Any, Any], Any],
    config: WaitForConditionConfig[Any],
    context_for: Callable[[Place, int], Any],
) -> Program:
    """Check until the wait strategy stops; returns the last state. Raises WaitForConditionError."""
    scope = place.scope
    ends_replay = scope.enter(place)
    try:
        while True:
            record = place.record
            status = record["Status"] if record else None
            details = (record.get("StepDetails") or {}) if record else {}
            if status == "SUCCEEDED":
                return (yield from read(place, config.serdes, details.get("Result"), "state"))
            if status == "FAILED":
                fail(WaitForConditionError, details.get("Error"))
            if status == "PENDING":
                assert record is not None
                yield Park(place, record, epoch_seconds(details.get("NextAttemptTimestamp")))
                continue
            if status != "STARTED":
                place.queue(place.update("START"))
            try:
                met, text = yield from _check(place, check, config, context_for, details)
            except Exception as error:
                if ends_invocation(error):
                    raise
                yield from fail_step(
                    place, ErrorObject.from_exception(error), WaitForConditionError
                )
            except Cancelled:
                record_cancellation(place)
                raise
            if met:
                return (yield from read(place, config.serdes, text, "state"))
    finally:
        scope.leave(place, ends_replay)


def _check(
    place: Place,
    check: Callable[[Any, Any], Any],
    config: WaitForConditionConfig[Any],
    context_for: Callable[[Place, int], Any],
    details: Any,
) -> Program:
    """One check, recorded: whether the condition is met, and the state's text."""
    attempt = details.get("Attempt", 0) + 1
    before = details.get("Result") or (
        yield from write(place, config.serdes, config.initial_state, "initial state")
    )
    state = yield from read(place, config.serdes, before, "state")
    state = yield Call(check, (state, context_for(place, attempt)), inside=place)
    text = yield from write(place, config.serdes, state, "state")
    check_size(place, text, "state")
    state = yield from read(place, config.serdes, text, "state")
    decision = yield from wait_decision(place, config.wait_strategy, state, attempt)
    update = place.update("RETRY" if decision.should_continue else "SUCCEED")
    if text is not None:
        update["Payload"] = text
    if decision.should_continue:
        update["StepOptions"] = {"NextAttemptDelaySeconds": max(1, decision.delay_seconds)}
    place.queue(update)
    yield COMMIT
    return not decision.should_continue, text
