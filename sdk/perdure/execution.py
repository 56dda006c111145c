"""The decorator that makes a function durable, and what it makes."""

from __future__ import annotations

import asyncio
import functools
import inspect
import json
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from contextvars import copy_context
from typing import Any, TypeVar, overload

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
from perdure.shell.driver import PAGE_ITEMS, Closing, Driver
from perdure.shell.kinds import is_async
from perdure.shell.sleeping import watch_for_sleep
from perdure.shell.tasks import DRIVER, install_task_factory
from perdure.shell.waiters import StrandFuture

E = TypeVar("E")
T = TypeVar("T")

RESPONSE_CHARACTERS = 6 * 1024 * 1024 - 50
"""A larger result goes to the service by itself."""

_LOG = logging.getLogger("perdure")


class DurableFunction:
    """A handler that runs durably.

    Call it as Lambda does, or let `invoke` run it over any DurableService, which is what workers
    and tests do. It holds nothing between invocations: many may run at the same time.
    """

    __name__: str
    __qualname__: str

    def __init__(
        self, handler: Callable[[Any, Any], Any], service: DurableService | None = None
    ) -> None:
        _check_signature(handler)
        self.handler = handler
        self.is_async = is_async(handler)
        self._service = service
        functools.update_wrapper(self, handler)

    async def invoke(
        self, event: InvocationEvent, service: DurableService, lambda_context: LambdaContext
    ) -> InvocationOutput:
        """Run one invocation, as far as it comes.

        Raises InvocationError if another invocation has to be made: the service was away, another
        one goes on with this execution, or the handler asked for it. Raises ExecutionError if the
        event is not that of a durable function.
        """
        return await _Invocation(self, event, service, lambda_context).run()

    def __call__(self, event: Any, context: Any) -> InvocationOutput:
        """Run one invocation as Lambda's runtime asks for it, over Lambda's API."""
        from perdure.lambda_transport import run_as_lambda

        _check_event(event)
        return run_as_lambda(self, event, context, self._service)


@overload
def durable_execution(
    func: Callable[[E, AsyncDurableContext], Awaitable[T]],
) -> DurableFunction: ...


@overload
def durable_execution(func: Callable[[E, DurableContext], T]) -> DurableFunction: ...


@overload
def durable_execution(
    *,
    boto3_client: Any = None,
    plugins: Any = None,
    service: DurableService | None = None,
) -> Callable[[Callable[[Any, Any], Any]], DurableFunction]: ...


def durable_execution(
    func: Callable[[Any, Any], Any] | None = None,
    *,
    boto3_client: Any = None,
    plugins: Any = None,
    service: DurableService | None = None,
) -> Any:
    """Make a handler durable: `def handler(event, context)` or `async def handler(event, context)`.

    Args:
        func: The handler. It gets the event and a DurableContext, or an AsyncDurableContext if it
            is a coroutine function.
        boto3_client: A boto3 Lambda client to use instead of the SDK's own connection.
        plugins: Must be empty; it is here for code that comes from AWS's SDK.
        service: Where checkpoints go when Lambda's runtime calls the function.
    """
    if plugins:
        from perdure.exceptions import PluginLoadError

        raise PluginLoadError(
            "perdure has no plugins. Leave `plugins` out; context.logger and the history tell "
            "what a function does."
        )
    if boto3_client is not None:
        from perdure.lambda_transport import Boto3Service

        service = Boto3Service(boto3_client)
    if func is None:
        return functools.partial(_make, service=service)
    return _make(func, service=service)


def _make(func: Callable[[Any, Any], Any], *, service: DurableService | None) -> DurableFunction:
    return DurableFunction(func, service)


def _check_signature(handler: Any) -> None:
    name = getattr(handler, "__qualname__", type(handler).__qualname__)
    if not callable(handler):
        raise TypeError(
            f"durable_execution makes a function durable, and {handler!r} is none: "
            "@durable_execution\\ndef handler(event, context): ..."
        )
    if inspect.isgeneratorfunction(handler) or inspect.isasyncgenfunction(handler):
        raise TypeError(f"The handler {name} has a yield in it: return the result instead.")
    try:
        signature = inspect.signature(handler)
    except ValueError:
        return
    try:
        signature.bind(None, None)
    except TypeError as error:
        raise TypeError(
            f"The handler {name}{signature} cannot be called with an event and a context "
            f"({error}): write it as `def {getattr(handler, '__name__', 'handler')}(event, "
            "context)`."
        ) from None


def _check_event(event: Any) -> None:
    """Raises ExecutionError unless it is the event of a durable execution."""
    if not (isinstance(event, dict) and {"DurableExecutionArn", "CheckpointToken"} <= event.keys()):
        raise ExecutionError(
            "This is not the event of a durable execution: the function was called as an ordinary "
            "one. Create it with a DurableConfig, or run it with `perdure worker`, and invoke it "
            "through the service."
        )


class _Invocation:
    """One run of a handler, from its event to its answer."""

    def __init__(
        self,
        function: DurableFunction,
        event: InvocationEvent,
        service: DurableService,
        lambda_context: LambdaContext,
    ) -> None:
        _check_event(event)
        state = event.get("InitialExecutionState") or {}
        self.arn = event["DurableExecutionArn"]
        self.operations: list[Operation] = list(state.get("Operations") or ())
        self.marker = state.get("NextMarker")
        self.function = function
        self.service = service
        self.token = token = event["CheckpointToken"]
        self.lambda_context = lambda_context
        self.driver = Driver(service, token, asyncio.get_running_loop())
        self.shells = Shells(self.driver)

    async def run(self) -> InvocationOutput:
        install_task_factory(self.driver.loop)
        watch_for_sleep()
        try:
            await self._read_pages()
        except ServiceCallFailed as failure:
            error = GetExecutionStateError(failure)
            if failure.retryable:
                raise error from failure
            return _failed(error)
        replay = Replay(self.arn, self.operations, self._context_for)
        self.driver.replay = replay
        event = _input_of(replay)
        scope = Scope(replay, None, None, None)
        context = self._context_for(scope, self.function.handler)
        try:
            outcome = await (
                self._run_task(event, context, scope)
                if self.function.is_async
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
        root = variables.run(driver.loop.create_task, self.function.handler(event, context))
        try:
            await asyncio.wait([root])
        except asyncio.CancelledError:
            with driver.lock:
                driver.close(Closing.ENDED)
            raise
        if root.cancelled():
            return _Outcome(error=asyncio.CancelledError("The handler cancelled itself."))
        error = root.exception()
        return _Outcome(error=error) if error else _Outcome(value=root.result())

    async def _run_thread(self, event: Any, context: Any, scope: Scope) -> _Outcome:
        driver = self.driver
        variables = copy_context()
        variables.run(INSIDE.set, scope)
        ended = StrandFuture(loop=driver.loop)

        def work() -> None:
            try:
                outcome = _Outcome(value=variables.run(self.function.handler, event, context))
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
        if outcome.error is None:
            try:
                result = json.dumps(outcome.value)
            except (TypeError, ValueError) as error:
                outcome = _Outcome(error=type(error)(_unserialisable(self.function, error)))
            else:
                if len(result) <= RESPONSE_CHARACTERS:
                    return {"Status": "SUCCEEDED", "Result": result}
                await self._tell_end("SUCCEED", payload=result)
                return {"Status": "SUCCEEDED", "Result": ""}
        raised = outcome.error
        assert raised is not None
        if isinstance(raised, InvocationError) and raised.is_retryable():
            raise raised
        if not isinstance(raised, Exception | asyncio.CancelledError | SuspendExecution):
            raise raised
        _LOG.error("The handler failed", exc_info=raised)
        answer = _failed(raised)
        if len(json.dumps(answer)) <= RESPONSE_CHARACTERS:
            return answer
        await self._tell_end("FAIL", error=answer["Error"])
        return {"Status": "FAILED"}

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
        await self.driver.tell_end(update)
        if self.driver.failure is not None:
            raise self.driver.failure


class _Outcome:
    """What a handler returned or raised."""

    __slots__ = ("error", "value")

    def __init__(self, value: Any = None, error: BaseException | None = None) -> None:
        self.value = value
        self.error = error


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


def _unserialisable(function: DurableFunction, error: Exception) -> str:
    name = getattr(function.handler, "__qualname__", "handler")
    return (
        f"The result of {name} cannot be written as JSON: {error}. Return dicts, lists, strings, "
        "numbers, booleans and None."
    )
