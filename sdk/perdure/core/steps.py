"""The step: code that runs once, whose result is kept."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any, NoReturn

from perdure.config import StepConfig, StepSemantics
from perdure.core.decisions import retry_decision
from perdure.core.effects import COMMIT, Call, Cancelled, Effect, Park, Program
from perdure.core.replay import epoch_seconds
from perdure.core.scope import Place
from perdure.core.values import check_size, fail, read, read_back, write
from perdure.exceptions import (
    DurableOperationError,
    ExecutionError,
    InvalidStateError,
    OperationCancelledError,
    RetryableSerDesError,
    SerDesError,
    StepError,
    StepInterruptedError,
)
from perdure.lambda_service import ErrorObject
from perdure.retries import RetryPresets

_DEFAULT = StepConfig()
_DEFAULT_RETRIES = RetryPresets.default()


def step_program(
    place: Place,
    func: Callable[[Any], Any],
    config: StepConfig | None,
    context_for: Callable[[Place, int], Any],
) -> Program:
    """Run `func` until it succeeds or its retry strategy gives up.

    `context_for(place, attempt)` makes what `func` is given. START and the outcome go to the
    service together if the function is quick; an at-most-once step's START goes before it.
    """
    scope = place.scope
    ends_replay = scope.enter(place)
    try:
        return (yield from _step(place, func, config or _DEFAULT, context_for))
    finally:
        scope.leave(place, ends_replay)


def _step(
    place: Place, func: Callable[[Any], Any], config: StepConfig, context_for: Any
) -> Program:
    at_most_once = config.step_semantics is StepSemantics.AT_MOST_ONCE_PER_RETRY
    while True:
        record = place.record
        status = record["Status"] if record else None
        details = (record.get("StepDetails") or {}) if record else {}
        if status == "SUCCEEDED":
            return (yield from read(place, config.serdes, details.get("Result")))
        if status == "FAILED":
            fail(StepError, details.get("Error"))
        attempt = details.get("Attempt", 0) + 1
        if status == "PENDING":
            assert record is not None
            yield Park(place, record, epoch_seconds(details.get("NextAttemptTimestamp")))
            continue
        if status == "STARTED" and at_most_once:
            error = StepInterruptedError(
                f"The process ended while {place} ran, and it runs at most once per attempt. "
                f"(operation {place.id})",
                place.id,
            )
            yield from _retry_or_fail(place, config, error, attempt)
            continue
        if status != "STARTED":
            place.queue(place.update("START"))
            if at_most_once:
                yield COMMIT
                started = place.record
                if started is None or started["Status"] != "STARTED":
                    raise InvalidStateError(f"{place} was started, and the service has {started}.")
        try:
            value = yield Call(func, (context_for(place, attempt),), inside=place)
            text = yield from write(place, config.serdes, value, "result")
            check_size(place, text, "result")
            value = yield from read_back(place, config.serdes, text, value)
        except (RetryableSerDesError, ExecutionError):
            raise
        except SerDesError as error:
            yield from fail_step(place, ErrorObject.from_exception(error))
        except Exception as error:
            yield from _retry_or_fail(place, config, error, attempt)
            continue
        except Cancelled:
            record_cancellation(place)
            raise
        update = place.update("SUCCEED")
        if text is not None:
            update["Payload"] = text
        place.queue(update)
        yield COMMIT
        return value


def _retry_or_fail(place: Place, config: StepConfig, error: Exception, attempt: int) -> Program:
    """Record the failed attempt; raises StepError if it was the last."""
    decision = yield from retry_decision(
        place, config.retry_strategy or _DEFAULT_RETRIES, error, attempt
    )
    recorded = ErrorObject.from_exception(error)
    if not decision.should_retry:
        yield from fail_step(place, recorded)
    update = place.update("RETRY")
    update["Error"] = recorded.to_dict()
    update["StepOptions"] = {"NextAttemptDelaySeconds": max(1, decision.delay_seconds)}
    place.queue(update)
    yield COMMIT


def fail_step(
    place: Place, error: ErrorObject, kind: type[DurableOperationError] = StepError
) -> Generator[Effect, Any, NoReturn]:
    """Record the failure and raise it, as a replay will."""
    update = place.update("FAIL")
    update["Error"] = error.to_dict()
    place.queue(update)
    yield COMMIT
    error.raise_as_operation_error(kind)


def record_cancellation(place: Place) -> None:
    """Nobody waits for the record; it is there before the invocation ends."""
    error = OperationCancelledError(
        f"{place} was cancelled before it was done, by a timeout or because a sibling failed."
    )
    update = place.update("FAIL")
    update["Error"] = ErrorObject.from_exception(error).to_dict()
    place.queue(update)
