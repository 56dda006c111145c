"""One run of a handler, from its event to its answer."""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any

from perdure import clock
from perdure.async_context import AsyncDurableContext
from perdure.context import DurableContext
from perdure.core.replay import Replay
from perdure.core.scope import INSIDE, Scope
from perdure.exceptions import (
    CheckpointError,
    ExecutionError,
    GetExecutionStateError,
    InvocationError,
    PayloadTooLargeError,
    SuspendExecution,
)
from perdure.lambda_service import ErrorObject
from perdure.service_api import (
    Action,
    DurableService,
    InvocationEvent,
    InvocationOutput,
    LambdaContext,
    Operation,
    OperationUpdate,
    ServiceCallFailed,
)
from perdure.service_api import ErrorObject as WireError
from perdure.shell.branches import Shells
from perdure.shell.checkpoints import PAGE_ITEMS
from perdure.shell.deadlines import watch_deadlines
from perdure.shell.driver import DRIVER, Closing, Driver
from perdure.shell.failures import log_failure
from perdure.shell.kinds import is_async
from perdure.shell.sleeping import watch_for_sleep
from perdure.shell.tasks import install_task_factory
from perdure.shell.waiters import StrandFuture

RESPONSE_CHARACTERS = 6 * 1024 * 1024 - 50
"""A larger result goes to the service by itself."""
RESULT_CHARACTERS = 6 * 1024 * 1024
"""No execution ends with more."""
UNAWAITED_CHARACTERS = 1024 * 1024
"""An execution ends with no more if nobody waits for it. Its event does not tell that."""

_LOG = logging.getLogger("perdure")


def check_event(event: Any) -> None:
    """Raises ExecutionError unless it is the event of a durable execution."""
    if not (isinstance(event, dict) and {"DurableExecutionArn", "CheckpointToken"} <= event.keys()):
        raise ExecutionError(
            "This is not the event of a durable execution: the function was called as an ordinary "
            "one. Create it with a DurableConfig, or run it with `perdure worker`, and invoke it "
            "through the service."
        )


class Invocation:
    """One run of a handler, from its event to its answer."""

    def __init__(
        self,
        handler: Callable[[Any, Any], Any],
        event: InvocationEvent,
        service: DurableService,
        lambda_context: LambdaContext,
    ) -> None:
        check_event(event)
        state = event.get("InitialExecutionState") or {}
        self.arn = event["DurableExecutionArn"]
        self.operations: list[Operation] = list(state.get("Operations") or ())
        self.marker = state.get("NextMarker")
        self.handler = handler
        self.service = service
        self.token = token = event["CheckpointToken"]
        self.lambda_context = lambda_context
        self.driver = Driver(service, token, asyncio.get_running_loop())
        self.shells = Shells(self.driver)

    async def run(self) -> InvocationOutput:
        install_task_factory(self.driver.loop)
        watch_deadlines(self.driver.loop)
        watch_for_sleep()
        try:
            await self._read_pages()
        except ServiceCallFailed as failure:
            error = GetExecutionStateError(failure)
            if failure.retryable:
                raise error from failure
            return _failed(error)
        replay = Replay(self.arn, self.operations, self._context_for)
        self.driver.checkpoints.replay = replay
        event = _input_of(replay)
        scope = Scope(replay, None, None, None)
        context = self._context_for(scope, self.handler)
        try:
            outcome = await (
                self._run_task(event, context, scope)
                if is_async(self.handler)
                else self._run_thread(event, context, scope)
            )
        finally:
            with self.driver.lock:
                self.driver.close(Closing.ENDED)
        await self.driver.drain()
        try:
            return await self._answer(outcome)
        except CheckpointError as error:
            if error.is_retryable():
                raise
            return _failed(error)

    async def _read_pages(self) -> None:
        while self.marker:
            page = await self.service.state(self.arn, self.token, self.marker, PAGE_ITEMS)
            self.operations.extend(page.get("Operations") or ())
            self.marker = page.get("NextMarker")

    def _context_for(self, scope: Scope, func: Any) -> DurableContext | AsyncDurableContext:
        kind = AsyncDurableContext if is_async(func) else DurableContext
        return kind(self.shells, scope, self.lambda_context)

    async def _run_task(self, event: Any, context: Any, scope: Scope) -> _Outcome:
        driver = self.driver
        variables = copy_context()
        variables.run(DRIVER.set, driver)
        variables.run(INSIDE.set, scope)
        root = variables.run(driver.loop.create_task, _outcome_of(self.handler(event, context)))
        ended: asyncio.Future[None] = driver.loop.create_future()
        root.add_done_callback(lambda _: _resolve(ended, None))
        try:
            await ended  # and not `root`, which a cancellation would reach before the driver
        except asyncio.CancelledError:
            with driver.lock:
                driver.close(Closing.ENDED)
            raise
        if root.cancelled():
            return _Outcome(error=asyncio.CancelledError("The handler cancelled itself."))
        return root.result()

    async def _run_thread(self, event: Any, context: Any, scope: Scope) -> _Outcome:
        driver = self.driver
        variables = copy_context()
        variables.run(INSIDE.set, scope)
        ended = StrandFuture(loop=driver.loop)

        def work() -> None:
            try:
                outcome = _Outcome(value=variables.run(self.handler, event, context))
            except BaseException as error:
                outcome = _Outcome(error=error)
            with suppress(RuntimeError):  # the loop is closed: nobody waits for it any more
                driver.loop.call_soon_threadsafe(_resolve, ended, outcome)

        driver.run_in_thread(work)
        outcome: _Outcome = await ended
        return outcome

    async def _answer(self, outcome: _Outcome) -> InvocationOutput:
        if self.driver.failure is not None:
            raise self.driver.failure
        if self.driver.closing is not Closing.ENDED:
            return {"Status": "PENDING"}
        if inspect.iscoroutine(outcome.value):
            outcome.value.close()
            outcome = _Outcome(error=TypeError(_hidden_coroutine(self.handler, outcome.value)))
        if outcome.error is None:
            try:
                result = json.dumps(outcome.value)
            except (TypeError, ValueError) as error:
                outcome = _Outcome(error=type(error)(_unserialisable(self.handler, error)))
            else:
                if len(result) <= RESULT_CHARACTERS:
                    return await self._succeeded(result)
                outcome = _Outcome(error=PayloadTooLargeError(_too_large(self.handler, result)))
        raised = outcome.error
        assert raised is not None
        if isinstance(raised, InvocationError) and raised.is_retryable():
            raise raised
        if not isinstance(raised, Exception | asyncio.CancelledError | SuspendExecution):
            raise raised
        log_failure(logging.ERROR, "The handler failed", raised)
        answer = _failed(raised)
        if len(json.dumps(answer)) <= RESPONSE_CHARACTERS:
            return answer
        await self._tell_end("FAIL", error=answer["Error"])
        return {"Status": "FAILED"}

    async def _succeeded(self, result: str) -> InvocationOutput:
        if len(result) > UNAWAITED_CHARACTERS:
            _LOG.warning("%s", _too_large(self.handler, result))
        if len(result) <= RESPONSE_CHARACTERS:
            return {"Status": "SUCCEEDED", "Result": result}
        try:
            await self._tell_end("SUCCEED", payload=result)
        except CheckpointError as error:
            if error.is_retryable():
                raise
            text = f"{error.failure.message} {_too_large(self.handler, result)}"
            raise CheckpointError(error.failure, text) from error
        return {"Status": "SUCCEEDED", "Result": ""}

    async def _tell_end(
        self, action: Action, *, payload: str | None = None, error: WireError | None = None
    ) -> None:
        update: OperationUpdate = {
            "Id": f"execution-result-{int(clock.epoch_seconds() * 1000)}",
            "Type": "EXECUTION",
            "Action": action,
        }
        if payload is not None:
            update["Payload"] = payload
        if error is not None:
            update["Error"] = error
        await self.driver.checkpoints.send_alone(update)


class _Outcome:
    """What a handler returned or raised."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value = value
        self.error = error


async def _outcome_of(running: Awaitable[Any]) -> _Outcome:
    """Of a handler. Its task does not raise: SystemExit would stop the loop, for all on it."""
    try:
        return _Outcome(value=await running)
    except asyncio.CancelledError:
        raise
    except BaseException as error:
        return _Outcome(error=error)


def _resolve(future: asyncio.Future[Any], value: Any) -> None:
    if not future.done():
        future.set_result(value)


def _failed(error: BaseException) -> InvocationOutput:
    return {"Status": "FAILED", "Error": ErrorObject.from_exception(error).to_dict()}


def _input_of(replay: Replay) -> Any:
    """What the execution was started with; an empty dict if that was nothing."""
    execution = replay.execution
    details = execution.get("ExecutionDetails") if execution else None
    payload = details.get("InputPayload") if details else None
    return json.loads(payload) if payload and payload.strip() else {}


def _too_large(handler: Any, result: str) -> str:
    name = getattr(handler, "__qualname__", "handler")
    return (
        f"The result of {name} has {len(result):,} bytes as JSON, and an execution ends with at "
        f"most {UNAWAITED_CHARACTERS:,}, or {RESULT_CHARACTERS:,} if its caller waits for it. Keep "
        "it in a file or a database and return where it is."
    )


def _hidden_coroutine(handler: Any, coroutine: Any) -> str:
    name = getattr(handler, "__qualname__", "handler")
    if is_async(handler):
        return f"{name} returned a coroutine: await {coroutine.__qualname__}, whose result it is."
    return (
        f"{name} returned a coroutine, although it is no `async def`: where a decorator wraps one, "
        "make its wrapper an `async def` that awaits, or put @durable_execution below it."
    )


def _unserialisable(handler: Any, error: Exception) -> str:
    name = getattr(handler, "__qualname__", "handler")
    return (
        f"The result of {name} cannot be written as JSON: {error}. Return dicts, lists, strings, "
        "numbers, booleans and None."
    )
