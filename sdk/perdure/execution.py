"""The decorator that makes a function durable, and what it makes."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

from perdure.async_context import AsyncDurableContext
from perdure.context import DurableContext
from perdure.invocation import Invocation, check_event
from perdure.service_api import (
    DurableService,
    InvocationEvent,
    InvocationOutput,
    LambdaContext,
)
from perdure.shell.kinds import is_async

E = TypeVar("E")
T = TypeVar("T")


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
        return await Invocation(self.handler, event, service, lambda_context).run()

    def __call__(self, event: Any, context: Any) -> InvocationOutput:
        """Run one invocation as Lambda's runtime asks for it, over Lambda's API. AWS's local test
        runner may call it, too."""
        from perdure.lambda_transport import run_as_lambda

        service = self._service
        if hasattr(event, "service_client"):
            from perdure.aws_test_runner import RunnersService, event_of

            service = RunnersService(event.service_client)
            event = event_of(event)
        check_event(event)
        return run_as_lambda(self, event, context, service)


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

    It becomes a DurableFunction, which a worker, Lambda's runtime and the testing kit run. Raises
    TypeError if it cannot be called so.

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
