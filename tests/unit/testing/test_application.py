"""An application as a user has it, tested as a user would: time, people, crashes, replays."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from perdure import (
    AsyncDurableContext,
    CallbackExternalError,
    CallbackTimeoutError,
    DurableContext,
    Duration,
    StepContext,
    StepError,
    durable_execution,
    durable_step,
)
from perdure.config import CompletionConfig, MapConfig, StepConfig, WaitForCallbackConfig
from perdure.retries import RetryPresets
from perdure.testing import DurableExecution, DurableTestRunner, crash_everywhere
from perdure.types import WaitForCallbackContext, WaitForConditionCheckContext
from perdure.waits import WaitForConditionConfig, WaitForConditionDecision

done: Counter[str] = Counter()
paid: set[str] = set()

ONCE = StepConfig(retry_strategy=RetryPresets.none())
THREE_DAYS = 3 * 86_400


@durable_step
def charge(step: StepContext, key: str, cents: int) -> str:
    done["charge"] += 1
    paid.add(key)
    return f"receipt of {cents}"


@durable_step
def refund(step: StepContext, key: str) -> None:
    done["refund"] += 1
    paid.discard(key)


@durable_execution
def order(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    """A payment, a person who approves within three days, a night, a parcel."""

    def ask(callback_id: str, submit: WaitForCallbackContext) -> None:
        done["mail"] += 1

    key = str(context.uuid4())
    receipt = context.step(charge(key, event["cents"]), name="charge")
    three_days = WaitForCallbackConfig(timeout=Duration.from_seconds(THREE_DAYS))
    try:
        by = context.wait_for_callback(ask, name="approval", config=three_days)
    except CallbackTimeoutError:
        context.step(refund(key), name="refund")
        return {"status": "expired"}
    except CallbackExternalError as refusal:
        context.step(refund(key), name="refund")
        return {"status": "rejected", "why": refusal.message}
    context.wait(Duration.from_hours(12), name="night")
    return {"status": "shipped", "by": by, "receipt": receipt, "at": context.now().isoformat()}


@durable_step
async def book(step: StepContext, what: str, sold_out: str) -> None:
    done[f"book {what}"] += 1
    if what == sold_out:
        raise LookupError(f"no {what} left")


@durable_step
async def cancel(step: StepContext, what: str) -> None:
    done[f"cancel {what}"] += 1


@durable_execution
async def trip(event: dict[str, Any], context: AsyncDurableContext) -> str:
    """A saga: what was booked is cancelled when the next booking fails for good."""
    booked: list[str] = []

    try:
        for what in ("flight", "hotel", "car"):
            await context.step(book(what, event["sold_out"]), name=f"book {what}", config=ONCE)
            booked.append(what)
    except StepError as failure:
        for what in reversed(booked):
            await context.step(cancel(what), name=f"cancel {what}")
        return f"cancelled: {failure.message}"
    return "booked"


MANY: MapConfig[int] = MapConfig(
    max_concurrency=20, completion_config=CompletionConfig.all_completed()
)


def told(batch: Any) -> dict[str, Any]:
    return {"good": len(batch.succeeded()), "bad": [item.index for item in batch.failed()]}


@durable_execution
def in_threads(event: int, context: DurableContext) -> dict[str, Any]:
    def one(branch: DurableContext, item: int, index: int, items: Sequence[int]) -> int:
        def work(step: StepContext) -> int:
            done["work"] += 1
            if item % 50 == 7:
                raise ValueError(f"{item} is bad")
            return item

        return branch.step(work, name="work", config=ONCE)

    return told(context.map(range(event), one, name="items", config=MANY))


@durable_execution
async def in_tasks(event: int, context: AsyncDurableContext) -> dict[str, Any]:
    async def one(branch: AsyncDurableContext, item: int, index: int, items: Sequence[int]) -> int:
        async def work(step: StepContext) -> int:
            done["work"] += 1
            await asyncio.sleep(0)
            if item % 50 == 7:
                raise ValueError(f"{item} is bad")
            return item

        return await branch.step(work, name="work", config=ONCE)

    return told(await context.map(range(event), one, name="items", config=MANY))


@durable_execution
def job(event: dict[str, Any], context: DurableContext) -> int:
    """Polled with pauses of one, two, three minutes."""

    def look(looks: int, check: WaitForConditionCheckContext) -> int:
        done["look"] += 1
        return looks + 1

    def pause(looks: int, attempt: int) -> WaitForConditionDecision:
        if looks == event["looks"]:
            return WaitForConditionDecision.stop_polling()
        return WaitForConditionDecision.continue_waiting(Duration.from_minutes(attempt))

    config = WaitForConditionConfig(wait_strategy=pause, initial_state=0)
    return context.wait_for_condition(look, config, name="until it is done")


def test_an_order_is_shipped_when_somebody_approves(durable: DurableTestRunner) -> None:
    execution = durable.run(order, {"cents": 500})
    assert execution.status == "RUNNING"
    execution.callback("approval").succeed("ada")
    assert execution.result["status"] == "shipped"
    assert execution.result["at"] == "2100-01-01T12:00:00+00:00"
    execution.check_determinism()


def test_an_order_that_nobody_approves_is_refunded(durable: DurableTestRunner) -> None:
    paid.clear()
    execution = durable.run(order, {"cents": 500})
    durable.advance(THREE_DAYS - 1)
    assert (execution.status, len(paid)) == ("RUNNING", 1)
    durable.advance(1)
    assert (execution.result, len(paid)) == ({"status": "expired"}, 0)
    execution.check_determinism()


def let_three_days_pass(execution: DurableExecution) -> None:
    execution.advance(THREE_DAYS)


@pytest.mark.parametrize(
    ("answers", "status"),
    [
        ({"result": "ada", "after_seconds": 60}, "shipped"),
        ({"error": "too much"}, "rejected"),
        (None, "expired"),
    ],
)
def test_an_order_bears_a_crash_anywhere(answers: dict[str, Any] | None, status: str) -> None:
    def arrange(runner: DurableTestRunner) -> None:
        if answers is not None:
            runner.answer_callbacks("approval", **answers)

    runs = crash_everywhere(
        order,
        {"cents": 500},
        arrange=arrange,
        act=None if answers is not None else let_three_days_pass,
        side_effects=done,
    )
    assert {run.execution.result["status"] for run in runs} == {status}
    assert len(runs) > 8


@pytest.mark.parametrize("sold_out", ["flight", "hotel", "car", "nothing"])
def test_a_trip_is_booked_or_cancelled_wherever_it_crashes(sold_out: str) -> None:
    runs = crash_everywhere(trip, {"sold_out": sold_out}, side_effects=done)
    for run in runs:
        cancelled = [name for name in run.side_effects if name.startswith("cancel")]
        assert len(cancelled) == ("flight", "hotel", "car", "nothing").index(sold_out) % 3
        run.execution.check_determinism()


@pytest.mark.parametrize("fan_out", [in_threads, in_tasks])
def test_of_two_hundred_items_four_may_fail(fan_out: Any, durable: DurableTestRunner) -> None:
    done.clear()
    execution = durable.run(fan_out, 200)
    assert execution.result == {"good": 196, "bad": [7, 57, 107, 157]}
    assert done["work"] == 200
    execution.check_determinism()


@pytest.mark.parametrize("fan_out", [in_threads, in_tasks])
def test_a_crash_may_interrupt_as_many_steps_as_run_at_once(fan_out: Any) -> None:
    runs = crash_everywhere(fan_out, 60, side_effects=done)
    assert len(runs) > 4
    assert max(run.side_effects["work"] for run in runs) <= 60 + 20


def test_a_job_is_looked_at_until_it_is_done(durable: DurableTestRunner) -> None:
    execution = durable.run(job, {"looks": 4})
    assert execution.result == 4
    assert (durable.now - execution.step("until it is done").started_at).total_seconds() == 360
    crash_everywhere(job, {"looks": 4}, side_effects=done)


def test_an_error_of_the_application_has_no_other_in_its_traceback(
    durable: DurableTestRunner,
) -> None:
    seen: list[BaseException | None] = []

    @durable_execution
    async def failing(event: None, context: AsyncDurableContext) -> None:
        try:
            raise ValueError("mine")
        except ValueError as error:
            seen.append(error.__context__)

    durable.run(failing)
    assert seen == [None]
