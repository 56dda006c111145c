"""What a serdes cannot do is told with the operation's name, and ends as AWS's SDK ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, durable_execution
from perdure.config import (
    CallbackConfig,
    ChildConfig,
    Duration,
    InvokeConfig,
    MapConfig,
    StepConfig,
)
from perdure.exceptions import RetryableSerDesError, SerDesError
from perdure.lambda_service import SERDES_ERROR
from perdure.serdes import SerDes, SerDesContext
from perdure.testing import DurableTestRunner
from perdure.waits import WaitForConditionConfig, WaitForConditionDecision


class Broken(SerDes[Any]):
    """Raises where it is told to."""

    def __init__(self, *, writing: Exception | None = None, reading: Exception | None = None):
        self.writing = writing
        self.reading = reading

    def serialize(self, value: Any, _: SerDesContext) -> str:
        if self.writing is not None:
            raise self.writing
        return "text"

    def deserialize(self, data: str, _: SerDesContext) -> Any:
        if self.reading is not None:
            raise self.reading
        return data


UNREADABLE = Broken(reading=KeyError("amount"))


def one(*_: object) -> int:
    return 1


def stop(*_: object) -> WaitForConditionDecision:
    return WaitForConditionDecision.stop_polling()


def answered(context: DurableContext) -> Any:
    callback = context.create_callback("paid", CallbackConfig(serdes=UNREADABLE))
    return callback.result()


READERS: dict[str, Callable[[Any], Any]] = {
    "result of step 'charge'": lambda c: c.step(one, "charge", StepConfig(serdes=UNREADABLE)),
    "result of context RunInChildContext 'part'": lambda c: c.run_in_child_context(
        one, "part", ChildConfig(serdes=UNREADABLE)
    ),
    "result of context Map 'load'": lambda c: c.map([1], one, "load", MapConfig(serdes=UNREADABLE)),
    "result of context MapIteration 'map-item-0'": lambda c: c.map(
        [1], one, "load", MapConfig(item_serdes=UNREADABLE)
    ).throw_if_error(),
    "state of step WaitForCondition 'up'": lambda c: c.wait_for_condition(
        one, WaitForConditionConfig(stop, 0, UNREADABLE), "up"
    ),
    "result of invoke 'ask'": lambda c: c.invoke(
        "other:$LATEST", {}, "ask", InvokeConfig(serdes_result=UNREADABLE)
    ),
}


@durable_execution
def other(event: Any, context: DurableContext) -> int:
    return 1


@pytest.mark.parametrize("what", READERS)
def test_what_cannot_be_read_back_is_a_serdes_error_that_names_it(what: str) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(SerDesError) as caught:
            READERS[what](context)
        assert f"The {what} cannot be read back: KeyError: 'amount'" in str(caught.value)
        assert "Broken.deserialize" in str(caught.value)
        assert caught.value.error_type == SERDES_ERROR

    runner = DurableTestRunner()
    runner.register(other)
    assert runner.run(handler).status == "SUCCEEDED"


@pytest.mark.parametrize("what", list(READERS)[:2])
def test_a_coroutine_is_told_the_same(what: str) -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        with pytest.raises(SerDesError, match=f"The {what} cannot be read back"):
            await READERS[what](context)

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"


def test_an_answer_from_outside_that_cannot_be_read_names_the_callback() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        answered(context)

    runner = DurableTestRunner(skip_time=False)
    execution = runner.run(handler)
    execution.callback("paid").succeed("{}")
    runner.run_on()
    error = execution.error
    assert error["ErrorType"] == SERDES_ERROR
    assert "The result of callback 'paid' cannot be read back" in error["ErrorMessage"]


def test_a_serdes_that_can_no_longer_read_a_history_fails_the_execution() -> None:
    serdes = Broken()
    invocations = []

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        invocations.append(1)
        context.step(one, "charge", StepConfig(serdes=serdes))
        serdes.reading = KeyError("amount")
        context.wait(Duration(5))

    error = DurableTestRunner().run(handler).error
    assert len(invocations) == 2
    assert error["ErrorType"] == SERDES_ERROR
    assert "The result of step 'charge' cannot be read back" in error["ErrorMessage"]


def test_passing_trouble_of_a_serdes_has_the_invocation_made_again() -> None:
    serdes = Broken(reading=RetryableSerDesError("the bucket is away"))

    @durable_execution
    def handler(event: Any, context: DurableContext) -> Any:
        try:
            return context.step(one, "charge", StepConfig(serdes=serdes))
        except RetryableSerDesError:
            serdes.reading = None
            raise

    assert DurableTestRunner().run(handler).result == "text"


def test_what_a_serdes_says_itself_is_left_as_it_is() -> None:
    own = SerDesError("my own words", data="my data")

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        with pytest.raises(SerDesError) as caught:
            context.step(one, "charge", StepConfig(serdes=Broken(reading=own)))
        assert (caught.value.message, caught.value.data) == ("my own words", "my data")

    assert DurableTestRunner().run(handler).status == "SUCCEEDED"


def test_what_cannot_be_written_names_the_operation_and_the_serdes() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        serdes = Broken(writing=KeyError("amount"))
        context.step(one, "charge", StepConfig(serdes=serdes))

    text = DurableTestRunner().run(handler).error["ErrorMessage"]
    assert "The result of step 'charge' cannot be written down: KeyError: 'amount'" in text
    assert "Broken.serialize" in text
