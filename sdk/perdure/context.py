"""The context of a handler that blocks, and the decorators of functions that operations run."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from perdure.async_context import AsyncDurableContext
from perdure.concurrency.models import BatchResult
from perdure.config import (
    CallbackConfig,
    ChildConfig,
    Duration,
    InvokeConfig,
    MapConfig,
    ParallelBranch,
    ParallelConfig,
    StepConfig,
    WaitForCallbackConfig,
)
from perdure.core.effects import Program
from perdure.core.pauses import callback_result_program
from perdure.core.scope import Place
from perdure.exceptions import ValidationError
from perdure.operations import ContextBase, foreign, racing
from perdure.serdes import SerDes
from perdure.shell.kinds import MARK, is_async
from perdure.types import (
    ExecutionContext,
    StepContext,
    WaitForCallbackContext,
    WaitForConditionCheckContext,
)
from perdure.waits import WaitForConditionConfig

__all__ = [
    "Callback",
    "DurableContext",
    "ExecutionContext",
    "durable_parallel_branch",
    "durable_step",
    "durable_wait_for_callback",
    "durable_with_child_context",
]

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")
U = TypeVar("U")
F = TypeVar("F")
Params = ParamSpec("Params")


class Callback(Generic[T]):
    """A callback that was created. Whoever has `callback_id` can complete it."""

    callback_id: str
    operation_id: str

    def __init__(
        self, context: DurableContext, place: Place, callback_id: str, serdes: SerDes[T] | None
    ) -> None:
        self.callback_id = callback_id
        self.operation_id = place.id
        self._context = context
        self._place = place
        self._serdes = serdes

    def result(self) -> T | None:
        """Wait for the callback's result; the function is suspended meanwhile if it can be.

        Raises CallbackExternalError if a failure was sent and CallbackTimeoutError if nothing was
        in time.
        """
        program = callback_result_program(self._place, self._serdes)
        result: T | None = self._context.run((self._place, program))
        return result


class DurableContext(ContextBase):
    """What a handler `def handler(event, context)` works with; each operation blocks until it ends.

    Operations are numbered in the order in which they are asked for, and that order has to be the
    same on every replay. Functions given to operations may be `async def`, too; a child context,
    branch or item that is gets an AsyncDurableContext.
    """

    _busy: tuple[Place, int] | None = None

    def run(self, operation: tuple[Place, Program] | Program) -> Any:
        """Run an operation's program in this thread."""
        if not isinstance(operation, tuple):
            return self._shells.threads.run(operation)
        place, program = operation
        outer, thread = self._busy, threading.get_ident()
        if thread not in self._shells.driver.threads:
            program.close()
            raise foreign(place)
        if outer is not None and outer[1] != thread:
            program.close()
            raise racing(outer[0], place)
        self._busy = place, thread
        try:
            return self._shells.threads.run(program)
        finally:
            self._busy = outer

    @overload
    def step(
        self,
        func: Callable[[StepContext], Awaitable[T]],
        name: str | None = None,
        config: StepConfig | None = None,
    ) -> T: ...

    @overload
    def step(
        self,
        func: Callable[[StepContext], T],
        name: str | None = None,
        config: StepConfig | None = None,
    ) -> T: ...

    def step(
        self,
        func: Callable[[StepContext], Any],
        name: str | None = None,
        config: StepConfig | None = None,
    ) -> Any:
        """Run `func` once and keep what it returns; a replay returns that without running it.

        Raises StepError when the retry strategy gives up, SerDesError if the result cannot be
        kept. A step that its process did not survive runs again (see StepSemantics).
        """
        return self.run(self._step(func, name, config))

    def wait(self, duration: Duration, name: str | None = None) -> None:
        """Wait, without using anything meanwhile if nothing else runs. At least one second."""
        self.run(self._wait(duration, name))

    def create_callback(
        self, name: str | None = None, config: CallbackConfig | None = None
    ) -> Callback[Any]:
        """Create a callback that something outside completes by its id."""
        place, program = self._create_callback(name, config)
        callback_id = self.run((place, program))
        return Callback(self, place, callback_id, config.serdes if config else None)

    def wait_for_callback(
        self,
        submitter: Callable[[str, WaitForCallbackContext], Any],
        name: str | None = None,
        config: WaitForCallbackConfig | None = None,
    ) -> Any:
        """Create a callback, hand its id to `submitter` as a step, and wait for the result.

        Raises CallbackSubmitterError if the step failed for good, otherwise as Callback.result.
        """
        return self.run(self._wait_for_callback(submitter, name, config))

    @overload
    def wait_for_condition(
        self,
        check: Callable[[T, WaitForConditionCheckContext], Awaitable[T]],
        config: WaitForConditionConfig[T],
        name: str | None = None,
    ) -> T: ...

    @overload
    def wait_for_condition(
        self,
        check: Callable[[T, WaitForConditionCheckContext], T],
        config: WaitForConditionConfig[T],
        name: str | None = None,
    ) -> T: ...

    def wait_for_condition(
        self,
        check: Callable[[Any, WaitForConditionCheckContext], Any],
        config: WaitForConditionConfig[Any],
        name: str | None = None,
    ) -> Any:
        """Call `check` until the wait strategy says stop, each time with the state it returned
        last. Raises WaitForConditionError if the check or the strategy raises.
        """
        return self.run(self._wait_for_condition(check, config, name))

    def invoke(
        self,
        function_name: str,
        payload: P,
        name: str | None = None,
        config: InvokeConfig[P, R] | None = None,
    ) -> R:
        """Invoke another function and wait for its result.

        A durable function needs a version or alias in its name, as in "order:live". Raises
        InvokeError.
        """
        result: R = self.run(self._invoke(function_name, payload, name, config))
        return result

    @overload
    def run_in_child_context(
        self,
        func: Callable[[AsyncDurableContext], Awaitable[T]],
        name: str | None = None,
        config: ChildConfig[T] | None = None,
    ) -> T: ...

    @overload
    def run_in_child_context(
        self,
        func: Callable[[DurableContext], T],
        name: str | None = None,
        config: ChildConfig[T] | None = None,
    ) -> T: ...

    def run_in_child_context(
        self,
        func: Callable[[Any], Any],
        name: str | None = None,
        config: ChildConfig[Any] | None = None,
    ) -> Any:
        """Run `func` with a context of its own, and keep what it returns. Raises ChildContextError.

        Once it has ended, a replay does not run it again, unless its result has over 256 KB.
        """
        return self.run(self._child(func, name, config))

    @overload
    def map(
        self,
        inputs: Sequence[U],
        func: Callable[[AsyncDurableContext, U, int, Sequence[U]], Awaitable[T]],
        name: str | None = None,
        config: MapConfig[U] | None = None,
    ) -> BatchResult[T]: ...

    @overload
    def map(
        self,
        inputs: Sequence[U],
        func: Callable[[DurableContext, U, int, Sequence[U]], T],
        name: str | None = None,
        config: MapConfig[U] | None = None,
    ) -> BatchResult[T]: ...

    def map(
        self,
        inputs: Sequence[Any],
        func: Callable[..., Any],
        name: str | None = None,
        config: MapConfig[Any] | None = None,
    ) -> BatchResult[Any]:
        """Call `func(context, item, index, inputs)` for each item, side by side, each in a child
        context of its own. Failures are in the result: `throw_if_error()` raises them.
        """
        result: BatchResult[Any] = self.run(self._map(inputs, func, name, config))
        return result

    def parallel(
        self,
        functions: Sequence[Callable[[DurableContext], T]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> BatchResult[T]:
        """Run functions side by side, each in a child context of its own; see `map`."""
        result: BatchResult[T] = self.run(self._parallel(functions, name, config))
        return result


def _named(wrapper: F, func: Any) -> F:
    """Called like `func`, and asynchronous if that is."""
    marked: Any = wrapper
    marked._original_name = getattr(func, "__name__", None)
    setattr(marked, MARK, is_async(func))
    return wrapper


def durable_step(
    func: Callable[Concatenate[StepContext, Params], T],
) -> Callable[Params, Callable[[StepContext], T]]:
    """Make `context.step(func(1, 2))` run `func(step_context, 1, 2)`, named like the function."""

    def with_arguments(*args: Params.args, **kwargs: Params.kwargs) -> Callable[[StepContext], T]:
        def step(context: StepContext) -> T:
            return func(context, *args, **kwargs)

        return _named(step, func)

    return with_arguments


def durable_with_child_context(
    func: Callable[Concatenate[DurableContext, Params], T],
) -> Callable[Params, Callable[[DurableContext], T]]:
    """Make `context.run_in_child_context(func(1, 2))` run `func(child_context, 1, 2)`, named like
    the function."""

    def with_arguments(
        *args: Params.args, **kwargs: Params.kwargs
    ) -> Callable[[DurableContext], T]:
        def child(context: DurableContext) -> T:
            return func(context, *args, **kwargs)

        return _named(child, func)

    return with_arguments


def durable_wait_for_callback(
    func: Callable[Concatenate[str, WaitForCallbackContext, Params], T],
) -> Callable[Params, Callable[[str, WaitForCallbackContext], T]]:
    """Make `context.wait_for_callback(func(1, 2))` run `func(callback_id, context, 1, 2)`, named
    like the function."""

    def with_arguments(
        *args: Params.args, **kwargs: Params.kwargs
    ) -> Callable[[str, WaitForCallbackContext], T]:
        def submit(callback_id: str, context: WaitForCallbackContext) -> T:
            return func(callback_id, context, *args, **kwargs)

        return _named(submit, func)

    return with_arguments


def durable_parallel_branch(
    name: str | None = None,
) -> Callable[
    [Callable[Concatenate[DurableContext, Params], T]], Callable[Params, ParallelBranch[T]]
]:
    """Make `context.parallel([func(1, 2)])` run `func(branch_context, 1, 2)`; the branch is named
    `name`, or by its number. Write `@durable_parallel_branch()`, with parentheses."""

    if callable(name):
        raise ValidationError("Write @durable_parallel_branch(), with parentheses.")

    def decorate(
        func: Callable[Concatenate[DurableContext, Params], T],
    ) -> Callable[Params, ParallelBranch[T]]:
        def with_arguments(*args: Params.args, **kwargs: Params.kwargs) -> ParallelBranch[T]:
            def branch(context: DurableContext) -> T:
                return func(context, *args, **kwargs)

            setattr(branch, MARK, is_async(func))
            return ParallelBranch(branch, name)

        return with_arguments

    return decorate
