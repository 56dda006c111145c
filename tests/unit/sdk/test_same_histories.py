"""The same handlers under AWS's SDK and under ours: the histories are the same, event by event."""

from __future__ import annotations

import itertools
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from perdure.service_api import DurableService, InvocationEvent, InvocationOutput
from perdure.testing import DurableExecution, DurableTestRunner, crash_everywhere
from perdure.testing.aws import aws_function
from tests.unit.sdk import tours as for_aws

NAMES = [tour.__name__ for tour in for_aws.ALL]


def _with_another_import() -> types.ModuleType:
    path = Path(for_aws.__file__)
    module = types.ModuleType("tours_for_perdure", "the same handlers under another import line")
    text = path.read_text().replace("aws_durable_execution_sdk_python", "perdure")
    sys.modules[module.__name__] = module
    exec(compile(text, str(path), "exec"), module.__dict__)  # noqa: S102  our own test file
    return module


for_perdure = _with_another_import()


def arrange(runner: DurableTestRunner) -> None:
    def plain(event: Any, context: Any) -> Any:
        return {"got": event}

    def broken(event: Any, context: Any) -> Any:
        raise ValueError("the other one is broken")

    runner.register(plain, "plain")
    runner.register(broken, "broken")
    runner.answer_callbacks("plain", {"answer": 42})
    runner.answer_callbacks("submitted create callback id", "yes")
    runner.answer_callbacks("create callback id", "no name")
    runner.answer_callbacks("submit create callback id", "by its function's name")
    runner.answer_callbacks("failing create callback id", error="nobody there")


def run(function: Any) -> DurableExecution:
    runner = DurableTestRunner()
    arrange(runner)
    return runner.run(function, {"n": 1})


class TakingTurns:
    """One invocation under one SDK, the next under the other."""

    def __init__(self, *functions: Any) -> None:
        self.__name__ = functions[0].__name__
        self._functions = itertools.cycle(functions)

    async def invoke(
        self, event: InvocationEvent, service: DurableService, context: Any
    ) -> InvocationOutput:
        output: InvocationOutput = await next(self._functions).invoke(event, service, context)
        return output


def comparable(execution: DurableExecution) -> list[dict[str, Any]]:
    """Each event without what no two runs share: times, ids of requests and of callbacks."""
    return [
        _without(
            event,
            {
                "CallbackId", "EndTimestamp", "EventTimestamp", "RequestId", "StartTimestamp",
                "ScheduledEndTimestamp", "DurableExecutionArn",
            },
        )
        for event in execution.history()
    ]  # fmt: skip


def _without(value: Any, names: set[str]) -> Any:
    if isinstance(value, dict):
        return {key: _without(item, names) for key, item in value.items() if key not in names}
    if isinstance(value, list):
        return [_without(item, names) for item in value]
    if isinstance(value, str):
        # The module of the handlers is called otherwise in each.
        return value.replace(for_perdure.__name__, for_aws.__name__)
    return value


def same_but_for_texts(history: list[dict[str, Any]]) -> list[Any]:
    """Our messages say more where a value cannot be kept."""
    return [_with_short_messages(event) for event in history]


def _with_short_messages(value: Any) -> Any:
    if isinstance(value, dict):
        cut = {
            key: "..." if key == "ErrorMessage" and _is_about_serialising(item) else item
            for key, item in value.items()
        }
        return {key: _with_short_messages(item) for key, item in cut.items()}
    if isinstance(value, list):
        return [_with_short_messages(item) for item in value]
    return value


def _is_about_serialising(text: str) -> bool:
    return any(
        word in text
        for word in ("cannot be written down", "Unsupported type", "cannot be written as", "JSON")
    )


def test_no_scenario_is_missing() -> None:
    assert set(NAMES) == {name for name in vars(for_aws) if name in NAMES}


@pytest.mark.parametrize("name", NAMES)
def test_the_histories_are_the_same_event_by_event(name: str) -> None:
    theirs = run(aws_function(getattr(for_aws, name)))
    ours = run(getattr(for_perdure, name))
    expected = same_but_for_texts(comparable(theirs))
    found = same_but_for_texts(comparable(ours))
    for number, (one, other) in enumerate(zip(found, expected, strict=False), 1):
        assert one == other, f"event {number}"
    assert len(found) == len(expected)


@pytest.mark.parametrize("name", NAMES)
def test_an_execution_goes_on_under_the_other_sdk_and_back(name: str) -> None:
    theirs, ours = aws_function(getattr(for_aws, name)), getattr(for_perdure, name)
    expected = same_but_for_texts(comparable(run(ours)))
    for pair in ((theirs, ours), (ours, theirs)):
        found = same_but_for_texts(comparable(run(TakingTurns(*pair))))
        assert found == expected


@pytest.mark.parametrize("name", NAMES)
def test_a_crash_at_any_checkpoint_changes_nothing(name: str) -> None:
    crash_everywhere(getattr(for_perdure, name), {"n": 1}, arrange=arrange)
