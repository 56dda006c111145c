"""The context of a handler that blocks."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Generic, TypeVar, overload

from perdure.async_context import AsyncDurableContext
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
from perdure.decorators import (
    durable_parallel_branch,
    durable_step,
    durable_wait_for_callback,
    durable_with_child_context,
)
from perdure.operation_guards import foreign, racing
from perdure.operations import ContextBase
from perdure.serdes import SerDes
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


class Callback(Generic[T]):
    """A callback that was created. Whoever has `callback_id` can complete it.

    A coroutine gets an AsyncCallback, whose `result()` is to be awaited.
    """

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

        It is the text that was sent, unless the callback has a serdes. Raises
        CallbackExternalError if a failure was sent, CallbackTimeoutError if nothing was in time.
        """
        program = callback_result_program(self._place, self._serdes)
        result: T | None = self._context.run((self._place, program))
        return result


class DurableContext(ContextBase):
    """What a handler `def handler(event, context)` works with; each operation blocks until it ends.

    Operations are numbered in the order in which they are asked for, and that order has to be the
    same on every replay. Functions given to operations may be `async def`, too; a child context,
    branch or item that is gets an AsyncDurableContext.

    An operation's `name` is what the history calls it: up to 256 printable ASCII characters, the
    same on every replay. Without one it is that of a function that a decorator of this package
    made, or there is none. Arguments that cannot be taken raise ValidationError, which says what
    to do, and nothing is recorded.
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

            paid = context.step(lambda step: bank.pay(order), name="pay")

        Args:
            func: Does one piece of work, without operations in it. It may block.
            name: What the history calls the step.
            config: Its retries, its semantics, its serdes. By default six attempts within
                minutes, at least once, and JSON with Python's common types.

        Raises StepError when the retry strategy gives up, SerDesError if the result cannot be
        kept, PayloadTooLargeError if it has over 1 MiB. A step that its process did not survive
        runs again (see StepSemantics).
        """
        return self.run(self._step(func, name, config))

    def wait(self, duration: Duration, name: str | None = None) -> None:
        """Wait, without using anything meanwhile if nothing else runs.

            context.wait(Duration.from_days(30), name="trial")

        Args:
            duration: In whole seconds: from one to 366 days.
            name: What the history calls the wait.
        """
        self.run(self._wait(duration, name))

    def create_callback(
        self, name: str | None = None, config: CallbackConfig | None = None
    ) -> Callback[Any]:
        """Create a callback that something outside completes by its id.

            signature = context.create_callback("signature", CallbackConfig(Duration.from_days(7)))
            context.step(lambda step: send_mail(customer, signature.callback_id))
            signed = signature.result()

        Args:
            name: What the history calls the callback.
            config: Its timeouts, none by default, and the serdes that reads the result.
        """
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

            signed = context.wait_for_callback(lambda id, _: send_mail(customer, id), "signature")

        Args:
            submitter: Called with the callback's id and a WaitForCallbackContext.
            name: What the history calls it all; the callback and the step have names made of it.
            config: The callback's timeouts and serdes, the submitter's retries.

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
        last. Between two checks the function is suspended.

            until_done = create_wait_strategy(WaitStrategyConfig(lambda state: state != "done"))
            context.wait_for_condition(
                lambda state, _: job_state(job), WaitForConditionConfig(until_done, "new"), "job"
            )

        Args:
            check: Told the state, returns the next one. It may block.
            config: The wait strategy, the first state, the serdes of states.
            name: What the history calls it.

        Returns the last state. Raises WaitForConditionError if the check or the strategy raises,
        as it does when its attempts are used up.
        """
        return self.run(self._wait_for_condition(check, config, name))

    def invoke(
        self,
        function_name: str,
        payload: P,
        name: str | None = None,
        config: InvokeConfig[P, R] | None = None,
    ) -> R:
        """Invoke another function and wait for its result; this one is suspended meanwhile.

            receipt = context.invoke("receipts:live", {"order": order}, name="receipt")

        Args:
            function_name: Its name or ARN; with a version or an alias if it is durable.
            payload: Its event, as JSON of up to 1 MiB unless the config has a serdes.
            name: What the history calls the invoke.
            config: The serdes of both ways, a tenant.

        Raises InvokeError if it failed, timed out, was stopped or could not be started.
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
        """Run `func` with a context of its own, and keep what it returns.

        It groups operations in the history, and makes replays short: once it has ended, a replay
        does not run it again, unless its result has over 256 KB.

        Args:
            func: Called with the child context, which it uses instead of this one.
            name: What the history calls the context.
            config: Its serdes, and whether the history shows it.

        Raises ChildContextError if it raised: what it raised stands in `error_type` and `message`.
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

            def load(context, file, index, files):
                return context.step(lambda step: read(file))


            rows = context.map(files, load, "load", MapConfig(max_concurrency=10)).get_results()

        Args:
            inputs: A sequence, in the same order on every replay.
            func: Uses the context that it is given instead of this one.
            name: What the history calls the map.
            config: How many at a time, when it is complete, the serdes. By default all at a time,
                and the first failure completes it.
        """
        result: BatchResult[Any] = self.run(self._map(inputs, func, name, config))
        return result

    @overload
    def parallel(
        self,
        functions: Sequence[Callable[[AsyncDurableContext], Awaitable[T]]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> BatchResult[T]: ...

    @overload
    def parallel(
        self,
        functions: Sequence[Callable[[DurableContext], T]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> BatchResult[T]: ...

    def parallel(
        self,
        functions: Sequence[Callable[[Any], Any]],
        name: str | None = None,
        config: ParallelConfig | None = None,
    ) -> BatchResult[Any]:
        """Run functions side by side, each in a child context of its own; see `map`.

            both = context.parallel([fetch_user, fetch_orders], name="load")

        Args:
            functions: Each is called with its context; a ParallelBranch has a name besides.
            name: What the history calls the parallel.
            config: As MapConfig.
        """
        result: BatchResult[Any] = self.run(self._parallel(functions, name, config))
        return result
