"""A service that takes checkpoints at once, from the event loop or from the handler's thread, and
what becomes of a try that brings no answer."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextvars import copy_context
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, durable_execution
from perdure.config import Duration
from perdure.core.replay import Replay
from perdure.service_api import (
    CheckpointAnswer,
    DurableService,
    InvocationEvent,
    InvocationOutput,
    OperationUpdate,
    PromptService,
    StatePage,
)
from perdure.shell import driver
from perdure.shell.tasks import install_task_factory
from perdure.shell.threads import ThreadPool
from perdure.shell.waiters import TaskWaiter
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

    def try_checkpoint_here(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer | None:
        self._notes.tried_by_threads.append(_names(updates))
        if self._notes.trouble == "nothing begun":
            return None
        if self._notes.trouble == "broken":
            raise RuntimeError("no checkpoint can be written")
        call = self._service.checkpoint(arn, token, updates, client_token)
        answer = asyncio.run_coroutine_threadsafe(call, self._loop).result(10)
        return None if self._notes.trouble == "answer lost" else answer

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
        self.tried_by_threads: list[list[str]] = []
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


@durable_execution
def two_steps_of_a_thread(event: Any, context: DurableContext) -> list[int]:
    return [context.step(lambda _: 1, name="a"), context.step(lambda _: 1, name="b")]


ONE_AFTER_THE_OTHER = [["START a", "SUCCEED a"], ["START b", "SUCCEED b"]]
KINDS = pytest.mark.parametrize(
    "function", [two_steps, two_steps_of_a_thread], ids=["task", "thread"]
)


@pytest.fixture(autouse=True)
def threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """None but this test's are busy, whatever other tests have left."""
    monkeypatch.setattr(driver, "THREADS", ThreadPool("prompt"))


def test_what_is_answered_at_once_is_not_asked_again() -> None:
    noted = Notes(two_steps)
    assert DurableTestRunner().run(noted).result == [1, 1]
    assert noted.tried == ONE_AFTER_THE_OTHER
    assert noted.repeated == []


def test_a_thread_that_is_alone_makes_its_checkpoints_itself() -> None:
    noted = Notes(two_steps_of_a_thread)
    assert DurableTestRunner().run(noted).result == [1, 1]
    assert noted.tried_by_threads == ONE_AFTER_THE_OTHER
    assert noted.tried == noted.repeated == []


@KINDS
@pytest.mark.parametrize("trouble", ["nothing begun", "answer lost"])
def test_a_try_without_an_answer_is_repeated_and_nothing_is_done_twice(
    function: Any, trouble: str
) -> None:
    noted = Notes(function, trouble)
    assert DurableTestRunner().run(noted).result == [1, 1]
    assert noted.tried + noted.tried_by_threads == noted.repeated == ONE_AFTER_THE_OTHER


@KINDS
def test_a_try_that_cannot_be_made_fails_the_invocation(function: Any) -> None:
    with pytest.raises(TooManyInvocations, match="no checkpoint can be written"):
        DurableTestRunner(max_invocations=2).run(Notes(function, "broken"))


def test_threads_side_by_side_leave_their_checkpoints_to_the_event_loop() -> None:
    meeting = threading.Barrier(2, timeout=10)

    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        def branch(branch: DurableContext) -> None:
            branch.step(lambda _: meeting.wait() and None, name="met")
            meeting.wait()

        context.parallel([branch, branch], name="both")

    noted = Notes(handler)
    assert DurableTestRunner().run(noted).status == "SUCCEEDED"
    by_threads = [name for names in noted.tried_by_threads for name in names]
    assert "SUCCEED met" not in by_threads


async def test_what_is_queued_while_a_thread_sends_goes_from_the_event_loop_after_it() -> None:
    loop = asyncio.get_running_loop()
    service = Held(loop)
    strand = driver.Driver(service, "token", loop)
    strand.checkpoints.replay = replay = Replay("arn", (), lambda scope, func: None)
    with strand.lock:
        replay.queue({"Id": "a", "Type": "STEP", "Action": "START", "Name": "a"})
    strand.run_in_thread(strand.commit_here)
    await service.is_held.wait()
    waiter = TaskWaiter(loop, strand.loop_thread)
    with strand.lock:
        replay.queue({"Id": "b", "Type": "STEP", "Action": "START", "Name": "b"})
        strand.commit(waiter)
    assert service.sent == [("thread", "1", ["START a"])]
    service.release.set()
    await waiter.future
    assert service.sent == [("thread", "1", ["START a"]), ("loop", "2", ["START b"])]
    await strand.drain()


async def test_what_a_task_could_not_send_at_once_outlives_its_cancellation() -> None:
    loop = asyncio.get_running_loop()
    install_task_factory(loop)
    service = HeldCall()
    strand = driver.Driver(service, "token", loop)
    strand.checkpoints.replay = replay = Replay("arn", (), lambda scope, func: None)

    async def handler() -> None:
        waiter = TaskWaiter(loop, strand.loop_thread)
        with strand.lock:
            strand.running += 1
            replay.queue({"Id": "a", "Type": "STEP", "Action": "START", "Name": "a"})
            strand.commit(waiter)
        await waiter.future

    variables = copy_context()
    variables.run(driver.DRIVER.set, strand)
    task = variables.run(loop.create_task, handler())
    await service.is_held.wait()
    with strand.lock:
        strand.close(driver.Closing.ENDED)
    await asyncio.wait([task])
    service.release.set()
    await asyncio.wait_for(strand.drain(), 10)
    assert replay.kept == 1


class HeldCall(PromptService):
    """Cannot try; a call waits for its answer until it is released."""

    def __init__(self) -> None:
        self.is_held = asyncio.Event()
        self.release = asyncio.Event()

    def try_checkpoint(self, *_: object) -> bool:
        return False

    def try_checkpoint_here(self, *_: object) -> None:
        raise AssertionError("no thread sends")

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        self.is_held.set()
        await self.release.wait()
        return {"CheckpointToken": "next"}

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        raise AssertionError("there are no pages")


class Held(PromptService):
    """Lets a thread wait for its answer until it is released; answers the loop at once."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.is_held = asyncio.Event()
        self.release = threading.Event()
        self.sent: list[tuple[str, str, list[str]]] = []

    def try_checkpoint_here(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer | None:
        self._note("thread", updates, client_token)
        self._loop.call_soon_threadsafe(self.is_held.set)
        assert self.release.wait(10)
        return {"CheckpointToken": "next"}

    def try_checkpoint(
        self,
        arn: str,
        token: str,
        updates: Sequence[OperationUpdate],
        client_token: str,
        heard: Heard,
    ) -> bool:
        assert token == "next"
        self._note("loop", updates, client_token)
        answer: Any = {"CheckpointToken": "last", "NewExecutionState": None}
        self._loop.call_soon(heard, answer)
        return True

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        raise AssertionError("nothing has to be repeated")

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        raise AssertionError("there are no pages")

    def _note(self, by: str, updates: Sequence[OperationUpdate], client_token: str) -> None:
        self.sent.append((by, client_token.rpartition("-")[2], _names(updates)))


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
