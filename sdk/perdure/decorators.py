"""Decorators of functions that operations run: arguments first, what the operation gives later."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from perdure.config import ParallelBranch
from perdure.exceptions import ValidationError
from perdure.shell.kinds import MARK, is_async
from perdure.types import StepContext, WaitForCallbackContext

if TYPE_CHECKING:
    from perdure.context import DurableContext

F = TypeVar("F")
T = TypeVar("T")
Params = ParamSpec("Params")


def _named(wrapper: F, func: Any) -> F:
    """Called like `func`, and asynchronous if that is."""
    marked: Any = wrapper
    marked._original_name = getattr(func, "__name__", None)
    setattr(marked, MARK, is_async(func))
    return wrapper


def durable_step(
    func: Callable[Concatenate[StepContext, Params], T],
) -> Callable[Params, Callable[[StepContext], T]]:
    """Make `context.step(func(1, 2))` run `func(step_context, 1, 2)`.

        @durable_step
        def charge(step: StepContext, customer: str, cents: int) -> str: ...


        receipt = context.step(charge("ada", 500))

    The step is named like the function. Works for `async def`, too.
    """

    def with_arguments(*args: Params.args, **kwargs: Params.kwargs) -> Callable[[StepContext], T]:
        def step(context: StepContext) -> T:
            return func(context, *args, **kwargs)

        return _named(step, func)

    return with_arguments


def durable_with_child_context(
    func: Callable[Concatenate[DurableContext, Params], T],
) -> Callable[Params, Callable[[DurableContext], T]]:
    """Make `context.run_in_child_context(func(1, 2))` run `func(child_context, 1, 2)`, named like
    the function; see `durable_step`."""

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
    like the function; see `durable_step`."""

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
