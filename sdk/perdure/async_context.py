"""The context of a handler that is a coroutine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Generic, TypeVar, overload
from weakref import ref

from perdure.concurrency.models import BatchResult
from perdure.config import (
    CallbackConfig,
    ChildConfig,
    Duration,
    InvokeConfig,
    MapConfig,
    ParallelConfig,
    StepConfig,
    WaitForCallbackConfig,
)
from perdure.core.effects import Program
from perdure.core.pauses import callback_result_program
from perdure.core.scope import Place
from perdure.operation_guards import foreign, racing
from perdure.operations import ContextBase
from perdure.serdes import SerDes
from perdure.types import StepContext, WaitForCallbackContext, WaitForConditionCheckContext
from perdure.waits import WaitForConditionConfig

P = TypeVar("P")
R = TypeVar("R")
T = TypeVar("T")
U = TypeVar("U")

Operation = Coroutine[Any, Any, T]
"""To be awaited, now or with others by gather, in a task, in a task group."""


class AsyncCallback(Generic[T]):
    """A callback that was created. Whoever has `callback_id` can complete it."""

    def __init__(
        self,
        context: AsyncDurableContext,
        place: Place,
        callback_id: str,
        serdes: SerDes[T] | None,
    ) -> None:
        self.callback_id = callback_id
        self.operation_id = place.id
        self._context = context
        self._place = place
        self._serdes = serdes

    async def result(self) -> T | None:
        """Wait for the callback's result; the function is suspended meanwhile if it can be.

        Raises CallbackExternalError if a failure was sent and CallbackTimeoutError if nothing was
        in time.
        """
        program = callback_result_program(self._place, self._serdes)
        result: T | None = await self._context.run(program)
        return result


class AsyncDurableContext(ContextBase):
    """What a handler `async def handler(event, context)` works with.

    An operation takes its number when it is called, not when it is awaited, so that
    `asyncio.gather(context.step(a), context.step(b))` is the same on every replay. Functions given
    to operations may be ordinary ones, too: they run in a thread, and a child context, branch or
    item that is one gets a DurableContext.

    An operation that is cancelled, by `asyncio.timeout` or a task group, is recorded as cancelled:
    a replay raises OperationCancelledError there, which is a TimeoutError.
    """

    _last: dict[asyncio.Task[Any] | None, tuple[int, Place]] | None = None

    def run(self, operation: tuple[Place, Program] | Program) -> Coroutine[Any, Any, Any]:
        """The coroutine of an operation's program."""
        if not isinstance(operation, tuple):
            return self._shells.tasks.run(operation)
        place, program = operation
        try:
            self._check_order(place)
        except BaseException:
            program.close()
            raise
        coroutine: Any = self._shells.tasks.run(program)
        # Python names it if it is never awaited.
        coroutine.__qualname__ = str(place)
        running: Coroutine[Any, Any, Any] = coroutine
        self._shells.driver.not_begun[program] = ref(running)
        return running

    def _check_order(self, place: Place) -> None:
        """Two tasks may not take turns: who is first may differ on replay."""
        try:
            task = asyncio.current_task()
        except RuntimeError:
            task = None
        if task not in self._shells.driver.tasks:
            raise foreign(place)
        number = self._scope.count
        if self._last is None:
            self._last = {task: (number, place)}
            return
        mine = self._last.get(task)
        if mine is not None and len(self._last) > 1:
            for other, (theirs, their_place) in list(self._last.items()):
                if other is None or other.done():
                    del self._last[other]
                elif other is not task and theirs > mine[0]:
                    raise racing(their_place, place)
        self._last[task] = number, place

    @overload
    def step(
        self,
        func: Callable[[StepContext], Awaitable[T]],
        name: str | None = None,
        config: StepConfig | None = None,
    ) -> Operation[T]: ...

    @overload
    def step(
        self,
        func: Callable[[StepContext], T],
        name: str | None = None,
        config: StepConfig | None = None,
    ) -> Operation[T]: ...

    def step(
        self,
        func: Callable[[StepContext], Any],
        name: str | None = None,
        config: StepConfig | None = None,
    ) -> Operation[Any]:
        """Run `func` once and keep what it returns; a replay returns that without running it.

        Raises StepError when the retry strategy gives up, SerDesError if the result cannot be
        kept. A step that its process did not survive runs again (see StepSemantics).
        """
        return self.run(self._step(func, name, config))

    def wait(self, duration: Duration, name: str | None = None) -> Operation[None]:
        """Wait, without using anything meanwhile if nothing else runs. At least one second."""
        return self.run(self._wait(duration, name))

    def create_callback(
        self, name: str | None = None, config: CallbackConfig | None = None
    ) -> Operation[AsyncCallback[Any]]:
        """Create a callback that something outside completes by its id."""
        place, program = self._create_callback(name, config)

        def create() -> Program:
            callback_id = yield from program
            return AsyncCallback(self, place, callback_id, config.serdes if config else None)

        return self.run((place, create()))

    def wait_for_callback(
        self,
        submitter: Callable[[str, WaitForCallbackContext], Any],
        name: str | None = None,
        config: WaitForCallbackConfig | None = None,
    ) -> Operation[Any]:
        """Create a callback, hand its id to `submitter` as a step, and wait for the result.

        Raises CallbackSubmitterError if the step failed for good, otherwise as
        AsyncCallback.result.
        """
        return self.run(self._wait_for_callback(submitter, name, config))

    @overload
    def wait_for_condition(
        self,
        check: Callable[[T, WaitForConditionCheckContext], Awaitable[T]],
        config: WaitForConditionConfig[T],
        name: str | None = None,
    ) -> Operation[T]: ...

    @overload
    def wait_for_condition(
        self,
        check: Callable[[T, WaitForConditionCheckContext], T],
        config: WaitForConditionConfig[T],
        name: str | None = None,
    ) -> Operation[T]: ...

    def wait_for_condition(
        self,
        check: Callable[[Any, WaitForConditionCheckContext], Any],
        config: WaitForConditionConfig[Any],
        name: str | None = None,
    ) -> Operation[Any]:
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
    ) -> Operation[R]:
        """Invoke another function and wait for its result.

        A durable function needs a version or alias in its name, as in "order:live". Raises
        InvokeError.
        """
        return self.run(self._invoke(function_name, payload, name, config))

    @overload
    def run_in_child_context(
        self,
        func: Callable[[AsyncDurableContext], Awaitable[T]],
        name: str | None = None,
        config: ChildConfig[T] | None = None,
    ) -> Operation[T]: ...

    @overload
    def run_in_child_context(
        self,
        func: Callable[[Any], T],
        name: str | None = None,
        config: ChildConfig[T] | None = None,
    ) -> Operation[T]: ...

    def run_in_child_context(
        self,
        func: Callable[[Any], Any],
        name: str | None = None,
        config: ChildConfig[Any] | None = None,
    ) -> Operation[Any]:
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
    ) -> Operation[BatchResult[T]]: ...

    @overload
    def map(
        self,
        inputs: Sequence[U],
        func: Callable[[Any, U, int, Sequence[U]], T],
        name: str | None = None,
        config: MapConfig[U] | None = None,
    ) -> Operation[BatchResult[T]]: ...

    def map(
        self,
        inputs: Sequence[Any],
        func: Callable[..., Any],
        name: str | None = None,
        config: MapConfig[Any] | None = None,
    ) -> Operation[BatchResult[Any]]:
        """Call `func(context, item, index, inputs)` for each item, side by side, each in a child
        context of its own. Failures are in the result: `throw_if_error()` raises them.
        """
        return self.run(self._map(inputs, func, name, config))

    @overload
    def parallel(
        self,
        functions: Sequence[Callable[[AsyncDurableContext], Awaitable[T]]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> Operation[BatchResult[T]]: ...

    @overload
    def parallel(
        self,
        functions: Sequence[Callable[[Any], T]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> Operation[BatchResult[T]]: ...

    def parallel(
        self,
        functions: Sequence[Callable[[Any], Any]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> Operation[BatchResult[Any]]:
        """Run functions side by side, each in a child context of its own; see `map`."""
        return self.run(self._parallel(functions, name, config))
