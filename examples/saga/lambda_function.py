"""A trip of three bookings: all of them, or none. What was booked is cancelled in reverse order.

Each cancellation is noted before the next booking begins, so a crash between any two lines leaves
nothing booked that would not be cancelled.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aws_durable_execution_sdk_python import (
    DurableContext,
    StepContext,
    StepError,
    durable_execution,
    durable_step,
)
from aws_durable_execution_sdk_python.config import StepConfig
from aws_durable_execution_sdk_python.retries import RetryPresets

BOOKINGS = ("flight", "hotel", "car")


class SoldOutError(Exception):
    """Another try would not help."""


@durable_step
def book(step: StepContext, what: str, trip: str, sold_out: str | None) -> str:
    step.logger.info("Booking a %s for %s", what, trip)
    if what == sold_out:
        raise SoldOutError(f"no {what} left")
    return f"{what}-of-{trip}"


@durable_step
def cancel(step: StepContext, reference: str) -> str:
    # It may run again after a crash: cancelling twice must be harmless.
    step.logger.info("Cancelling %s", reference)
    return reference


Compensation = Callable[[StepContext], str]


@durable_execution
def lambda_handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    trip = event["trip"]
    compensations: list[tuple[str, Compensation]] = []
    booked: list[str] = []
    at_once = StepConfig(retry_strategy=RetryPresets.none())
    try:
        for what in BOOKINGS:
            reference = context.step(
                book(what, trip, event.get("soldOut")), name=f"book {what}", config=at_once
            )
            booked.append(reference)
            compensations.append((f"cancel {what}", cancel(reference)))
    except StepError as failure:
        cancelled = [context.step(undo, name=name) for name, undo in reversed(compensations)]
        return {"trip": trip, "status": "cancelled", "why": str(failure), "cancelled": cancelled}
    return {"trip": trip, "status": "booked", "booked": booked}
