"""What a context tells and gives besides operations: loggers, time, randomness, ids."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from perdure import AsyncDurableContext, DurableContext, StepContext, durable_execution
from perdure.config import Duration
from perdure.testing import DurableTestRunner

HOUR = Duration.from_hours(1)


class Lines(logging.Handler):
    """What was logged, with what the logger added."""

    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)

    @property
    def texts(self) -> list[str]:
        return [record.getMessage() for record in self.records]


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def logger(lines: Lines, monkeypatch: pytest.MonkeyPatch) -> logging.Logger:
    logger = logging.getLogger("perdure.tests.contexts")
    monkeypatch.setattr(logger, "handlers", [lines])
    logger.setLevel(logging.DEBUG)
    return logger


def test_a_line_is_logged_once_however_often_the_handler_replays(
    lines: Lines, logger: logging.Logger
) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        context.set_logger(logger)
        context.logger.info("begin")
        context.step(lambda step: step.logger.info("in a step"), name="first")
        context.logger.info("before the wait")
        context.wait(HOUR)
        context.logger.info("after the wait")
        context.run_in_child_context(_child, name="child")
        context.wait(HOUR)
        context.logger.info("end")

    def _child(child: DurableContext) -> None:
        child.logger.info("in a child")
        child.wait(HOUR)
        child.logger.info("further in the child")

    DurableTestRunner().run(handler)
    assert lines.texts == [
        "begin", "in a step", "before the wait", "after the wait", "in a child",
        "further in the child", "end",
    ]  # fmt: skip


def test_lines_of_a_step_tell_its_operation_name_and_attempt(
    lines: Lines, logger: logging.Logger
) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> str:
        context.set_logger(logger)

        def flaky(step: StepContext) -> str:
            step.logger.warning("attempt %d", step.attempt, extra={"mine": 1})
            if step.attempt == 1:
                raise ValueError("once")
            return context.execution_context.durable_execution_arn

        return context.step(flaky, name="flaky")

    execution = DurableTestRunner().run(handler)
    told = [vars(record) for record in lines.records]
    assert [(each["operationName"], each["attempt"], each["mine"]) for each in told] == [
        ("flaky", 1, 1),
        ("flaky", 2, 1),
    ]
    assert {each["executionArn"] for each in told} == {execution.result}
    assert len({each["operationId"] for each in told}) == 1


def test_branches_log_what_is_new_of_them_only(lines: Lines, logger: logging.Logger) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        context.set_logger(logger)

        def item(child: DurableContext, value: int, index: int, _: Any) -> None:
            child.logger.info("%d begins", value)
            child.step(lambda _: value)
            child.wait(Duration(value))
            child.logger.info("%d goes on", value)

        context.map([1, 2, 3], item)

    DurableTestRunner().run(handler)
    assert sorted(lines.texts) == [
        "1 begins", "1 goes on", "2 begins", "2 goes on", "3 begins", "3 goes on",
    ]  # fmt: skip


def test_time_stands_still_between_operations_and_is_the_same_on_replay() -> None:
    seen: list[list[datetime]] = []

    @durable_execution
    def handler(event: Any, context: DurableContext) -> list[str]:
        times = [context.now()]
        context.wait(HOUR)
        times.append(context.now())
        context.step(lambda _: 1)
        times += [context.now(), context.run_in_child_context(lambda child: child.now())]
        context.wait(HOUR)
        times.append(context.now())
        seen.append(times)
        return [time.isoformat() for time in times]

    runner = DurableTestRunner()
    execution = runner.run(handler)
    execution.check_determinism()
    times = [datetime.fromisoformat(text) for text in execution.result]
    assert times == sorted(times)
    assert times[1] - times[0] == timedelta(hours=1)
    assert times[4] - times[0] == timedelta(hours=2)
    assert times[4] == runner.now


def test_random_values_and_ids_are_the_same_on_replay_and_differ_otherwise() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> list[Any]:
        drawn = [context.random(), context.random(), str(context.uuid4()), str(context.uuid4())]
        await context.wait(HOUR)

        async def child(inner: AsyncDurableContext) -> list[Any]:
            return [inner.random(), str(inner.uuid4())]

        return [*drawn, *await context.run_in_child_context(child)]

    runner = DurableTestRunner()
    executions = [runner.run(handler), runner.run(handler)]
    for execution in executions:
        execution.check_determinism()
    values = [value for execution in executions for value in execution.result]
    assert len(set(values)) == 12
    assert all(0 <= value < 1 for value in values if isinstance(value, float))
    assert {UUID(value).version for value in values if isinstance(value, str)} == {4}


def test_the_lambda_context_is_handed_on() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> bool:
        return context.run_in_child_context(
            lambda child: (
                child.lambda_context is context.lambda_context
                and child.lambda_context.get_remaining_time_in_millis() > 0
            )
        )

    assert DurableTestRunner().run(handler).result is True
