"""What goes into which checkpoint, and what becomes of one that fails."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from perdure import AsyncDurableContext, DurableContext, StepContext, durable_execution
from perdure.config import Duration, StepConfig, StepSemantics
from perdure.exceptions import CheckpointError
from perdure.service_api import (
    CheckpointAnswer,
    DurableService,
    InvocationEvent,
    InvocationOutput,
    OperationUpdate,
    ServiceCallFailed,
    StatePage,
)
from perdure.testing import DurableTestRunner

Sent = list[list[str]]
SECOND = Duration(1)


class Watched:
    """A function whose checkpoints are noted, and held up by `before`."""

    def __init__(self, function: Any) -> None:
        self.__name__ = "watched"
        self.sent: Sent = []
        self.function = function

    async def before(self) -> None:
        """What happens before a checkpoint reaches the service."""

    async def invoke(
        self, event: InvocationEvent, service: DurableService, context: Any
    ) -> InvocationOutput:
        output: InvocationOutput = await self.function.invoke(
            event, _WatchedService(self, service), context
        )
        return output


class _WatchedService:
    def __init__(self, watched: Watched, service: DurableService) -> None:
        self._watched = watched
        self._service = service

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        self._watched.sent.append([f"{each['Action']} {each.get('Name')}" for each in updates])
        await self._watched.before()
        return await self._service.checkpoint(arn, token, updates, client_token)

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        return await self._service.state(arn, token, marker, max_items)


@pytest.mark.parametrize("kind", ["thread", "coroutine"])
def test_a_quick_step_is_one_checkpoint(kind: str) -> None:
    @durable_execution
    def blocking(event: Any, context: DurableContext) -> None:
        context.step(lambda _: 1, name="a")
        context.step(lambda _: 2, name="b")

    @durable_execution
    async def coroutine(event: Any, context: AsyncDurableContext) -> None:
        await context.step(lambda _: 1, name="a")
        await context.step(lambda _: 2, name="b")

    watched = Watched(blocking if kind == "thread" else coroutine)
    assert DurableTestRunner().run(watched).status == "SUCCEEDED"
    assert watched.sent == [["START a", "SUCCEED a"], ["START b", "SUCCEED b"]]


def test_the_start_of_a_slow_step_does_not_wait_for_its_end() -> None:
    started = asyncio.Event()

    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> None:
        async def slow(_: StepContext) -> None:
            await asyncio.wait_for(started.wait(), 10)

        await context.step(slow, name="slow")

    class Telling(Watched):
        async def before(self) -> None:
            started.set()

    watched = Telling(handler)
    assert DurableTestRunner().run(watched).status == "SUCCEEDED"
    assert watched.sent == [["START slow"], ["SUCCEED slow"]]


def test_an_at_most_once_step_is_started_first() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        semantics = StepSemantics.AT_MOST_ONCE_PER_RETRY
        context.step(lambda _: 1, name="a", config=StepConfig(step_semantics=semantics))

    watched = Watched(handler)
    assert DurableTestRunner().run(watched).status == "SUCCEEDED"
    assert watched.sent == [["START a"], ["SUCCEED a"]]


def test_a_context_starts_with_its_first_operation() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        context.run_in_child_context(lambda child: child.step(lambda _: 1, name="a"), name="child")

    watched = Watched(handler)
    assert DurableTestRunner().run(watched).status == "SUCCEEDED"
    assert watched.sent == [["START child", "START a", "SUCCEED a"], ["SUCCEED child"]]


def test_a_checkpoint_in_flight_survives_the_cancellation_of_who_asked_for_it() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        try:
            async with asyncio.timeout(0.01):
                await context.step(lambda _: 1, name="a")
        except TimeoutError:
            pass
        await context.step(lambda _: 2, name="b")
        return "done"

    class Slow(Watched):
        async def before(self) -> None:
            await asyncio.sleep(0.03)

    watched = Slow(handler)
    execution = DurableTestRunner().run(watched)
    assert execution.result == "done"
    assert execution.invocations == 1
    assert execution.step("a").status == "SUCCEEDED"


def test_what_nobody_awaits_any_more_does_not_spoil_the_end() -> None:
    @durable_execution
    async def handler(event: Any, context: AsyncDurableContext) -> str:
        async def never(_: StepContext) -> None:
            await asyncio.Event().wait()

        task = asyncio.create_task(context.step(never, name="left behind"))
        await context.step(lambda _: 1, name="a")
        return f"done {task.done()}"

    class Slow(Watched):
        async def before(self) -> None:
            await asyncio.sleep(0.01)

    execution = DurableTestRunner().run(Slow(handler))
    assert execution.result == "done False"
    assert execution.invocations == 1


class _Refusing:
    """A service that gives this answer to every checkpoint."""

    def __init__(self, answer: Exception) -> None:
        self._answer = answer

    async def checkpoint(self, *_: Any) -> CheckpointAnswer:
        raise self._answer

    async def state(self, *_: Any) -> StatePage:
        raise self._answer


EVENT: InvocationEvent = {
    "DurableExecutionArn": "arn:x/e1",
    "CheckpointToken": "token",
    "InitialExecutionState": {"Operations": [], "NextMarker": ""},
}


@durable_execution
def one_step(event: Any, context: DurableContext) -> None:
    try:
        context.step(lambda _: 1, name="a")
    except Exception as error:
        raise AssertionError("a handler cannot catch this") from error


@durable_execution
async def one_step_of_a_coroutine(event: Any, context: AsyncDurableContext) -> None:
    await context.step(lambda _: 1, name="a")


def invoke(function: Any, service: Any, event: InvocationEvent = EVENT) -> InvocationOutput:
    output: InvocationOutput = asyncio.run(function.invoke(event, service, None))
    return output


@pytest.mark.parametrize("function", [one_step, one_step_of_a_coroutine])
@pytest.mark.parametrize(
    "failure",
    [
        ServiceCallFailed("away"),
        ServiceCallFailed("slow down", status=429, code="TooManyRequestsException"),
        ServiceCallFailed("broken", status=502, code="ServiceException"),
        ServiceCallFailed(
            "Invalid checkpoint token", status=400, code="InvalidParameterValueException"
        ),
    ],
    ids=lambda failure: failure.message,
)
def test_a_failure_that_passes_asks_for_another_invocation(
    function: Any, failure: ServiceCallFailed
) -> None:
    with pytest.raises(CheckpointError, match=failure.message) as raised:
        invoke(function, _Refusing(failure))
    assert raised.value.failure is failure


@pytest.mark.parametrize("function", [one_step, one_step_of_a_coroutine])
def test_a_service_that_stays_away_is_told_with_the_step_and_what_becomes_of_it(
    function: Any,
) -> None:
    with pytest.raises(
        CheckpointError, match=r"step 'a' could not be kept: away\. .*good"
    ) as raised:
        invoke(function, _Refusing(ServiceCallFailed("away")))
    assert "more" not in str(raised.value).partition("kept")[0]


@pytest.mark.parametrize("function", [one_step, one_step_of_a_coroutine])
@pytest.mark.parametrize(
    "failure",
    [
        ServiceCallFailed("too large", status=400, code="InvalidParameterValueException"),
        ServiceCallFailed("no key", status=502, code="KMSAccessDeniedException"),
    ],
    ids=lambda failure: failure.message,
)
def test_a_refusal_for_good_fails_the_execution(function: Any, failure: ServiceCallFailed) -> None:
    output = invoke(function, _Refusing(failure))
    assert output["Status"] == "FAILED"
    assert output["Error"]["ErrorMessage"] == failure.message
    assert output["Error"]["ErrorType"].endswith("CheckpointError")


@pytest.mark.parametrize("function", [one_step, one_step_of_a_coroutine])
def test_a_fault_of_the_connection_itself_comes_out_as_it_is(function: Any) -> None:
    with pytest.raises(KeyError, match="a fault"):
        invoke(function, _Refusing(KeyError("a fault")))


def test_a_state_that_cannot_be_read_is_judged_alike() -> None:
    event: InvocationEvent = {**EVENT, "InitialExecutionState": {"NextMarker": "more"}}
    with pytest.raises(Exception, match="away"):
        invoke(one_step, _Refusing(ServiceCallFailed("away")), event)
    refused = ServiceCallFailed("no such execution", status=404, code="ResourceNotFoundException")
    output = invoke(one_step, _Refusing(refused), event)
    assert output["Error"]["ErrorMessage"] == "no such execution"


def test_a_withheld_token_ends_the_invocation_and_not_the_execution() -> None:
    class Pausing:
        async def checkpoint(
            self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
        ) -> CheckpointAnswer:
            return {"NewExecutionState": {"Operations": []}}

        async def state(self, *_: Any) -> StatePage:
            raise AssertionError

    for function in (one_step, one_step_of_a_coroutine):
        assert invoke(function, Pausing()) == {"Status": "PENDING"}


def test_a_large_state_is_read_page_by_page() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> int:
        made = [context.step(lambda _: "x" * 900_000, name=f"step {n}") for n in range(8)]
        context.wait(SECOND)
        return len("".join(made))

    assert DurableTestRunner().run(handler).result == 7_200_000


def test_what_is_due_beside_a_running_step_is_asked_for_again_until_it_has_come() -> None:
    polls = 0
    enough = threading.Event()

    @durable_execution
    def handler(event: Any, context: DurableContext) -> Any:
        def waiting(branch: DurableContext) -> str:
            branch.wait(SECOND)
            return "waited"

        def working(branch: DurableContext) -> str:
            return branch.step(lambda _: "worked" if enough.wait(10) else "late")

        return context.parallel([waiting, working]).get_results()

    class Polled(Watched):
        async def before(self) -> None:
            nonlocal polls
            if self.sent[-1] == []:
                polls += 1
                if polls == 2:
                    enough.set()

    long_ago = DurableTestRunner(start_at=datetime(2020, 1, 1, tzinfo=UTC))
    assert long_ago.run(Polled(handler)).result == ["waited", "worked"]
    assert polls < 10


def test_a_coroutine_step_that_is_cancelled_before_it_begins_does_not_hold_its_thread() -> None:
    @durable_execution
    def handler(event: Any, context: DurableContext) -> None:
        async def never_begun(_: StepContext) -> None: ...

        context.step(never_begun, name="never begun")

    class Cancelling(Watched):
        """Cancels the step's task in the turn of the loop that makes it."""

        async def invoke(
            self, event: InvocationEvent, service: DurableService, context: Any
        ) -> InvocationOutput:
            def make(loop: asyncio.AbstractEventLoop, coro: Any, **options: Any) -> Any:
                task = asyncio.Task(coro, loop=loop, **options)
                if "_on_loop" in coro.__qualname__:
                    task.cancel()
                return task

            asyncio.get_running_loop().set_task_factory(make)
            return await super().invoke(event, service, context)

    execution = DurableTestRunner(invocation_seconds=5).run(Cancelling(handler))
    assert execution.error["ErrorType"] == "asyncio.exceptions.CancelledError"
