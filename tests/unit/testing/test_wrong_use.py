"""What a test can do wrong with the kit is told at once, with what to do instead."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, Duration, durable_execution
from perdure.testing import DurableTestRunner, RequestRefused, crash_everywhere


@durable_execution
def step(event: object, context: DurableContext) -> int:
    return context.step(lambda step: 1, name="one")


@durable_execution
def ask(event: object, context: DurableContext) -> str:
    return str(context.create_callback("answer").result())


def plain(event: object, context: object) -> int:
    return 1


Use = Callable[[DurableTestRunner], object]


@pytest.mark.parametrize(
    ("use", "error", "told"),
    [
        (lambda d: d.run(plain), TypeError, "plain is no durable function: decorate it with"),
        (lambda d: crash_everywhere(plain), TypeError, "decorate it with @durable_execution"),
        (lambda d: d.register("order"), TypeError, "functions are registered.*not 'order'"),
        (lambda d: d.register(step, "an order"), ValueError, "Invalid function name 'an order'"),
        (lambda d: d.run(step, name="an order"), ValueError, "letters, digits.*unlike 'an order'"),
        (lambda d: d.run(step, {1, 2}), TypeError, "the input cannot be written as JSON.*dicts"),
        (lambda d: d.run(step, execution_timeout=0), ValueError, "1 to 31622400 seconds, not 0"),
        (lambda d: d.register(step, timeout=901), ValueError, "timeout may be 1 to 900 seconds"),
        (lambda d: d.advance(-1), ValueError, "time does not go back: .* -1 seconds"),
        (lambda d: d.advance(timedelta(-1)), ValueError, "time does not go back"),
        (lambda d: d.advance(float("inf")), ValueError, "finite number of seconds, not inf"),
        (lambda d: d.advance("1h"), TypeError, "seconds, or as a timedelta or Duration.*'1h'"),
        (lambda d: d.answer_callbacks("a", after_seconds=-1), ValueError, "time does not go back"),
        (lambda d: d.answer_callbacks("a", {1}), TypeError, "a callback's result .* JSON"),
        (lambda d: d.crash("during", 1), ValueError, "'before' or 'after' .*not 'during'"),
        (lambda d: d.crash("before", 0), ValueError, "0 will not be made: the next .* is 1"),
        (lambda d: d.execution("arn:x"), RequestRefused, "no execution 'arn:x'; it has none"),
        (lambda d: d.stop("arn:x"), RequestRefused, "no execution 'arn:x'; it has none"),
        (lambda d: d.succeed_callback("id"), RequestRefused, "Invalid .*`open_callbacks`"),
    ],
)
def test_what_makes_no_sense_is_refused_with_what_does(
    use: Use, error: type[Exception], told: str, durable: DurableTestRunner
) -> None:
    with pytest.raises(error, match=told):
        use(durable)


def test_a_crash_at_a_checkpoint_that_has_been_made_is_refused(durable: DurableTestRunner) -> None:
    durable.run(step)
    with pytest.raises(ValueError, match=r"checkpoint 1 will not be made: .* is 2"):
        durable.crash("before", 1)


def test_a_start_without_a_time_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="start_at needs a time zone"):
        DurableTestRunner(start_at=datetime(2026, 1, 1))  # noqa: DTZ001  that is the mistake


def test_a_callback_that_is_completed_twice_is_told_by_name_with_its_history(
    durable: DurableTestRunner,
) -> None:
    answer = durable.run(ask).callback("answer")
    answer.succeed("yes")
    with pytest.raises(RequestRefused, match=r"(?s)'answer' is SUCCEEDED.*CallbackSucceeded"):
        answer.succeed("yes")


def test_a_callback_of_another_runner_is_refused(durable: DurableTestRunner) -> None:
    id_ = DurableTestRunner().run(ask).callback("answer").callback_id
    with pytest.raises(RequestRefused, match="a callback that this runner opened"):
        durable.succeed_callback(id_)


def test_time_is_given_in_seconds_or_as_what_knows_them(durable: DurableTestRunner) -> None:
    start = durable.now
    for span in (3600, 3600.0, timedelta(hours=1), Duration.from_hours(1)):
        durable.advance(span)
    assert durable.now - start == timedelta(hours=4)


def test_a_result_that_was_not_awaited_is_told_so(durable: DurableTestRunner) -> None:
    async def handler(event: Any, context: AsyncDurableContext) -> Any:
        return later()

    async def later() -> int:
        return 1

    error = durable.run(durable_execution(handler)).error
    assert "handler returned a coroutine: await " in error["ErrorMessage"]
    assert error["ErrorMessage"].endswith("later, whose result it is.")
