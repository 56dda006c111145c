"""Arguments, errors and results that cannot be taken as they are, and what the handler is told."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, StepContext, durable_execution
from perdure.config import StepConfig
from perdure.exceptions import StepError, ValidationError
from perdure.retries import RetryPresets
from perdure.testing import DurableTestRunner


class Unprintable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (Unprintable(), "its text could not be had: RuntimeError"),
        (ValueError("no such file: \udce4.txt"), r"no such file: \udce4.txt"),
        (ValueError("x" * 7_000_000), "(6,800,000 characters more)"),
    ],
    ids=["without a text", "with half a character", "too long"],
)
@pytest.mark.parametrize("where", ["step", "handler"])
def test_an_error_that_cannot_be_written_as_it_is_still_fails_what_raised_it(
    error: Exception, expected: str, where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # pytest-xdist could not pass on what it would capture.
    monkeypatch.setattr(logging.getLogger("perdure"), "disabled", True)

    @durable_execution
    def handler(event: Any, context: DurableContext) -> str:
        def fails(_: StepContext) -> None:
            raise error

        if where == "handler":
            raise error
        with pytest.raises(StepError) as caught:
            context.step(fails, config=StepConfig(retry_strategy=RetryPresets.none()))
        return str(caught.value)

    execution = DurableTestRunner().run(handler)
    text = execution.error["ErrorMessage"] if where == "handler" else execution.result
    assert expected in text


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("räumen", r"'r\\xe4umen' of a step, at test_bad_arguments.py:\d+, is not up to"),
        ("\ud800", "has characters that are none"),
        ("x" * 257, "has 257 characters"),
        (5, "is of type int"),
    ],
)
def test_a_name_that_the_service_would_not_take_is_refused_at_the_operation(
    name: Any, expected: str
) -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> str:
        with pytest.raises(ValidationError, match=expected):
            context.step(lambda _: 1, name=name)
        return context.step(lambda _: "goes on", name="plain")

    assert DurableTestRunner().run(handler).result == "goes on"


def test_a_payload_that_is_no_json_names_the_invoke() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        context.invoke("other", object(), name="ask")

    assert (
        "The payload of invoke 'ask' cannot be written down"
        in DurableTestRunner().run(handler).error["ErrorMessage"]
    )


def test_a_result_that_no_execution_may_have_says_what_to_return() -> None:
    @durable_execution
    def huge(event: Any, context: DurableContext) -> str:
        return "x" * 7_000_000

    text = DurableTestRunner().run(huge, synchronous=True).error["ErrorMessage"]
    assert "huge has 7,000,002 bytes as JSON" in text
    assert "return where it is" in text


@pytest.mark.parametrize("characters", [2_000_000, 6_291_440])
@pytest.mark.parametrize("synchronous", [False, True])
def test_a_result_that_only_a_waiting_caller_gets_is_told_in_the_log(
    characters: int, synchronous: bool, caplog: pytest.LogCaptureFixture
) -> None:
    @durable_execution
    def large(event: Any, context: DurableContext) -> str:
        return "x" * characters

    execution = DurableTestRunner().run(large, synchronous=synchronous)
    told = (
        f"large has {characters + 2:,} bytes as JSON, and an execution ends with at most 1,048,576"
    )
    assert told in caplog.messages[0]
    assert "Keep it in a file or a database" in caplog.messages[0]
    if synchronous:
        assert len(execution.result) == characters
    else:
        text = execution.error["ErrorMessage"]
        assert "Execution output payload size must be less than or equal to 1048576 bytes" in text


def test_a_result_that_went_by_itself_and_was_refused_says_what_to_return() -> None:
    @durable_execution
    def large(event: Any, context: DurableContext) -> str:
        return "x" * 6_291_440

    text = DurableTestRunner().run(large).error["ErrorMessage"]
    assert "must be less than or equal to 1048576 bytes. The result of" in text
    assert "return where it is" in text


def test_a_coroutine_handler_behind_a_plain_decorator_is_told_so() -> None:
    async def handler(event: Any, context: Any) -> int:
        return 1

    @durable_execution
    def wrapper(event: Any, context: DurableContext) -> Any:
        return handler(event, context)

    text = DurableTestRunner().run(wrapper).error["ErrorMessage"]
    assert "wrapper returned a coroutine" in text
    assert "async def" in text


def test_an_operation_that_is_returned_without_an_await_is_named() -> None:
    @durable_execution
    async def forgetful(event: Any, context: AsyncDurableContext) -> Any:
        return context.step(lambda _: 1, name="charge")

    text = DurableTestRunner().run(forgetful).error["ErrorMessage"]
    assert "forgetful returned a coroutine: await step 'charge', whose result it is." in text


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_a_context_that_is_used_after_its_function_has_returned_is_refused(kind: str) -> None:
    leaked: list[Any] = []

    @durable_execution
    def blocking(event: Any, context: DurableContext) -> None:
        context.run_in_child_context(leaked.append, name="part")
        leaked.pop().step(lambda _: 1, name="late")

    @durable_execution
    async def coroutine(event: Any, context: AsyncDurableContext) -> None:
        async def leak(child: AsyncDurableContext) -> None:
            leaked.append(child)

        await context.run_in_child_context(leak, name="part")
        await leaked.pop().step(lambda _: 1, name="late")

    error = DurableTestRunner().run(blocking if kind == "thread" else coroutine).error
    assert error["ErrorType"].endswith("ValidationError")
    assert re.search(
        r"step 'late', at test_bad_arguments.py:\d+, .* context whose function has returned",
        error["ErrorMessage"],
    )


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_a_log_that_cannot_take_an_error_does_not_change_it(kind: str) -> None:
    class Particular(logging.Handler):
        """As the one of Lambda's runtime client, for half characters."""

        def emit(self, record: logging.LogRecord) -> None:
            raise UnicodeError("the log cannot take this")

    def fails(_: StepContext) -> None:
        raise ValueError("the real one")

    once = StepConfig(retry_strategy=RetryPresets.none())

    @durable_execution
    def blocking(event: Any, context: DurableContext) -> None:
        context.step(fails, config=once)

    @durable_execution
    async def coroutine(event: Any, context: AsyncDurableContext) -> None:
        await context.step(fails, config=once)

    log, handler = logging.getLogger("perdure"), Particular()
    log.addHandler(handler)
    try:
        error = DurableTestRunner().run(blocking if kind == "thread" else coroutine).error
    finally:
        log.removeHandler(handler)
    assert error["ErrorMessage"] == "the real one"
