"""A service that takes checkpoints at once, and what becomes of a try that brings no answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from perdure import AsyncDurableContext, durable_execution
from perdure.config import Duration
from perdure.service_api import (
    CheckpointAnswer,
    DurableService,
    InvocationEvent,
    InvocationOutput,
    OperationUpdate,
    PromptService,
    StatePage,
)
from perdure.testing import DurableTestRunner, TooManyInvocations

Heard = Callable[[CheckpointAnswer | None], object]


class Prompt(PromptService):
    """Tries are answered in a later turn of the loop; `answers` says how, and True lets it be."""

    def __init__(self, service: DurableService, notes: Notes) -> None:
        self._service = service
        self._notes = notes
        self._loop = asyncio.get_running_loop()
        self._tries: set[asyncio.Task[None]] = set()

    def try_checkpoint(
        self,
        arn: str,
        token: str,
        updates: Sequence[OperationUpdate],
        client_token: str,
        heard: Heard,
    ) -> bool:
        self._notes.tried.append(_names(updates))
        if self._notes.trouble == "nothing begun":
            return False
        if self._notes.trouble == "broken":
            raise RuntimeError("no checkpoint can be written")

        async def answer() -> None:
            told = await self._service.checkpoint(arn, token, updates, client_token)
            heard(None if self._notes.trouble == "answer lost" else told)

        task = self._loop.create_task(answer())
        self._tries.add(task)
        task.add_done_callback(self._tries.discard)
        return True

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        self._notes.repeated.append(_names(updates))
        return await self._service.checkpoint(arn, token, updates, client_token)

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        return await self._service.state(arn, token, marker, max_items)


class Notes:
    """A function over such a service, and what was asked of that."""

    def __init__(self, function: Any, trouble: str | None = None) -> None:
        self.__name__ = "noted"
        self.function = function
        self.trouble = trouble
        self.tried: list[list[str]] = []
        self.repeated: list[list[str]] = []

    async def invoke(
        self, event: InvocationEvent, service: DurableService, context: Any
    ) -> InvocationOutput:
        output: InvocationOutput = await self.function.invoke(event, Prompt(service, self), context)
        return output


def _names(updates: Sequence[OperationUpdate]) -> list[str]:
    return [f"{each['Action']} {each.get('Name')}" for each in updates]


@durable_execution
async def two_steps(event: Any, context: AsyncDurableContext) -> list[int]:
    async def body(_: Any) -> int:
        return 1

    return [await context.step(body, name="a"), await context.step(body, name="b")]


ONE_AFTER_THE_OTHER = [["START a", "SUCCEED a"], ["START b", "SUCCEED b"]]


def test_what_is_answered_at_once_is_not_asked_again() -> None:
    noted = Notes(two_steps)
    assert DurableTestRunner().run(noted).result == [1, 1]
    assert noted.tried == ONE_AFTER_THE_OTHER
    assert noted.repeated == []


@pytest.mark.parametrize("trouble", ["nothing begun", "answer lost"])
def test_a_try_without_an_answer_is_repeated_and_nothing_is_done_twice(trouble: str) -> None:
    noted = Notes(two_steps, trouble)
    execution = DurableTestRunner().run(noted)
    assert execution.result == [1, 1]
    assert noted.tried == noted.repeated == ONE_AFTER_THE_OTHER


def test_a_try_that_cannot_be_made_fails_the_invocation() -> None:
    with pytest.raises(TooManyInvocations, match="no checkpoint can be written"):
        DurableTestRunner(max_invocations=2).run(Notes(two_steps, "broken"))


def test_what_several_tasks_ask_for_in_one_turn_goes_together() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        async def body(_: Any) -> int:
            return 1

        await asyncio.gather(context.step(body, name="a"), context.step(body, name="b"))

    noted = Notes(handler)
    assert DurableTestRunner().run(noted).status == "SUCCEEDED"
    assert noted.tried == [["START a", "SUCCEED a", "START b", "SUCCEED b"]]


def test_a_wait_is_on_its_way_before_the_function_is_suspended() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        await context.wait(Duration(1), name="w")

    noted = Notes(handler)
    assert DurableTestRunner().run(noted).status == "SUCCEEDED"
    assert noted.tried == [["START w"]]
