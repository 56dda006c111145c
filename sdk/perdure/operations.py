"""What both kinds of contexts share: the operations as programs, and where they stand."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any

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
from perdure.core.scope import INSIDE, Place, Scope
from perdure.logger import Logger
from perdure.operation_arguments import (
    branches_of,
    check_callable,
    check_condition_config,
    check_config,
    check_function_name,
    check_items,
    check_logger,
    check_total,
    wait_seconds,
)
from perdure.operation_guards import check_place, ended
from perdure.service_api import OperationType
from perdure.types import (
    ExecutionContext,
    LoggerInterface,
    StepContext,
    WaitForCallbackContext,
    WaitForConditionCheckContext,
)

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from perdure.core.effects import Program
    from perdure.shell.branches import Shells
    from perdure.waits import WaitForConditionConfig


class ContextBase:
    """A context of an execution. Handlers get one of its two subclasses.

    Attributes:
        execution_context: The execution's ARN.
        lambda_context: Lambda's own context object.
        logger: Writes what happens for the first time, and is silent on replay.
    """

    def __init__(self, shells: Shells, scope: Scope, lambda_context: Any) -> None:
        self._shells = shells
        self._scope = scope
        self.lambda_context = lambda_context
        self.execution_context = ExecutionContext(scope.replay.arn)
        self.set_logger(scope.logger if scope.logger is not None else logging.getLogger())

    def set_logger(self, new_logger: LoggerInterface) -> None:
        """Write through another logger from here on; child contexts inherit it."""
        check_logger(new_logger)
        self._scope.logger = new_logger
        self.logger = Logger(new_logger, _log_fields(self._scope), self.is_replaying)

    @property
    def scope(self) -> Scope:
        """Where this context's operations stand, for programs."""
        return self._scope

    def is_replaying(self) -> bool:
        """Whether this context's next operation was begun by an earlier invocation."""
        return self._scope.replaying

    # -- deterministic values --------------------------------------------------------------------

    def now(self) -> datetime:
        """The time, in UTC, as far as this context has come: the same on every replay.

        It is when the last operation ended that this context saw, and the execution's start before
        the first one. Nothing is recorded for it.
        """
        from datetime import UTC, datetime

        return datetime.fromtimestamp(round(self._scope.latest, 3), UTC)

    def random(self) -> float:
        """A number from 0 up to 1, the same on every replay. Not for secrets."""
        return (self._draw() >> 203) / (1 << 53)

    def uuid4(self) -> UUID:
        """A UUID that is the same on every replay and that no other execution has."""
        from uuid import UUID

        return UUID(int=self._draw() >> 128, version=4)

    def _draw(self) -> int:
        check_place(self._scope, "a value of this context")
        return self._scope.draw()

    # -- operations as programs ------------------------------------------------------------------

    def _step(
        self, func: Callable[[StepContext], Any], name: str | None, config: StepConfig | None
    ) -> tuple[Place, Program]:
        from perdure.core.steps import step_program

        chosen = name or _name_of(func)
        asked = "step", chosen
        check_config(config, StepConfig, asked)
        check_callable(func, ("a StepContext",), asked)
        sub_type = (config.sub_type if config else None) or "Step"
        place = self._place("STEP", sub_type, chosen)
        return place, step_program(place, func, config, self._step_context)

    def _wait(self, duration: Duration, name: str | None) -> tuple[Place, Program]:
        from perdure.core.pauses import wait_program

        seconds = wait_seconds(duration, ("wait", name))
        place = self._place("WAIT", "Wait", name)
        return place, wait_program(place, seconds)

    def _create_callback(
        self, name: str | None, config: CallbackConfig | None
    ) -> tuple[Place, Program]:
        from perdure.core.pauses import create_callback_program

        check_config(config, CallbackConfig, ("callback", name))
        chosen = config or CallbackConfig()
        place = self._place("CALLBACK", chosen.sub_type or "Callback", name)
        return place, create_callback_program(place, chosen)

    def _invoke(
        self,
        function_name: str,
        payload: Any,
        name: str | None,
        config: InvokeConfig[Any, Any] | None,
    ) -> tuple[Place, Program]:
        from perdure.core.pauses import invoke_program

        asked = "invoke", name
        check_function_name(function_name, asked)
        check_config(config, InvokeConfig, asked)
        place = self._place("CHAINED_INVOKE", "ChainedInvoke", name)
        return place, invoke_program(place, function_name, payload, config or InvokeConfig())

    def _wait_for_callback(
        self,
        submitter: Callable[[str, WaitForCallbackContext], Any],
        name: str | None,
        config: WaitForCallbackConfig | None,
    ) -> tuple[Place, Program]:
        from perdure.core.submissions import wait_for_callback_program

        chosen = name or _name_of(submitter)
        asked = "wait_for_callback", chosen
        check_config(config, WaitForCallbackConfig, asked)
        check_callable(submitter, ("a callback id", "a WaitForCallbackContext"), asked)
        place = self._place("CONTEXT", "WaitForCallback", chosen)
        submit = _submission(submitter)
        return place, wait_for_callback_program(place, submit, chosen, config, self._step_context)

    def _wait_for_condition(
        self,
        check: Callable[[Any, WaitForConditionCheckContext], Any],
        config: WaitForConditionConfig[Any],
        name: str | None,
    ) -> tuple[Place, Program]:
        from perdure.core.conditions import condition_program

        asked = "wait_for_condition", name
        check_callable(check, ("the state", "a WaitForConditionCheckContext"), asked)
        check_condition_config(config, asked)
        place = self._place("STEP", "WaitForCondition", name)
        return place, condition_program(place, check, config, self._check_context)

    def _child(
        self, func: Callable[[Any], Any], name: str | None, config: ChildConfig[Any] | None
    ) -> tuple[Place, Program]:
        from perdure.core.children import body_of, child_program

        chosen = name or _name_of(func)
        asked = "child context", chosen
        check_config(config, ChildConfig, asked)
        check_callable(func, ("its context",), asked)
        sub_type = (config.sub_type if config else None) or "RunInChildContext"
        place = self._place("CONTEXT", sub_type, chosen)
        return place, child_program(place, body_of(func), config)

    def _map(
        self,
        inputs: Sequence[Any],
        func: Callable[..., Any],
        name: str | None,
        config: MapConfig[Any] | None,
    ) -> tuple[Place, Program]:
        from perdure.core.batches import MAP, batch_program

        asked = "map", name or _name_of(func)
        check_config(config, MapConfig, asked)
        check_callable(func, ("a context", "an item", "its index", "all items"), asked)
        check_items(inputs, asked)
        chosen: MapConfig[Any] = config or MapConfig()
        check_total(chosen.completion_config, len(inputs), asked)
        place = self._place("CONTEXT", MAP.sub_type, asked[1])
        branches = [_item(func, item, index, inputs) for index, item in enumerate(inputs)]
        namer = chosen.item_namer

        def names() -> list[str | None]:
            if namer is None:
                return [None] * len(branches)
            return [namer(item, index) for index, item in enumerate(inputs)]

        return place, batch_program(place, MAP, branches, names, chosen)

    def _parallel(
        self,
        functions: Sequence[Callable[[Any], Any]],
        name: str | None,
        config: ParallelConfig | None,
    ) -> tuple[Place, Program]:
        from perdure.core.batches import PARALLEL, batch_program

        asked = "parallel", name
        check_config(config, ParallelConfig, asked)
        branches = branches_of(functions, asked)
        chosen = config or ParallelConfig()
        check_total(chosen.completion_config, len(branches), asked)
        place = self._place("CONTEXT", PARALLEL.sub_type, name)

        def names() -> list[str | None]:
            return [one.name if isinstance(one, ParallelBranch) else None for one in branches]

        return place, batch_program(place, PARALLEL, branches, names, chosen)

    def child_program(
        self,
        attempts: Callable[[Any], Program],
        name: str | None,
        config: ChildConfig[Any] | None,
    ) -> tuple[Place, Program]:
        """A child context whose body is a program over a context of this kind."""
        from perdure.core.children import child_program

        sub_type = (config.sub_type if config else None) or "RunInChildContext"
        place = self._place("CONTEXT", sub_type, name)

        def body(scope: Scope) -> Program:
            return attempts(type(self)(self._shells, scope, self.lambda_context))

        return place, child_program(place, body, config)

    def wait_program(self, duration: Duration, name: str | None) -> Generator[Any, Any, None]:
        """A wait, for programs that are the code of this context."""
        from perdure.core.pauses import wait_program

        seconds = wait_seconds(duration, ("wait", name))
        return wait_program(self._scope.place("WAIT", "Wait", name), seconds)

    # -- guards ----------------------------------------------------------------------------------

    def _place(self, type_: OperationType, sub_type: str, name: str | None) -> Place:
        if self._scope.closed and INSIDE.get() is not self._scope:
            raise ended(type_, sub_type, name)
        with self._shells.driver.lock:
            self._scope.check_open()
            place = self._scope.place(type_, sub_type, name)
        check_place(self._scope, place)
        return place

    # -- contexts of functions -------------------------------------------------------------------

    def _logger_of(self, place: Place, attempt: int) -> Logger:
        extra = _log_fields(place.scope)
        if place.name:
            extra["operationName"] = place.name
        extra["attempt"] = attempt
        extra["operationId"] = place.id
        return Logger(place.scope.logger, extra)

    def _step_context(self, place: Place, attempt: int) -> StepContext:
        return StepContext(self._logger_of(place, attempt), attempt)

    def _check_context(self, place: Place, attempt: int) -> WaitForConditionCheckContext:
        return WaitForConditionCheckContext(self._logger_of(place, attempt), attempt)


def _log_fields(scope: Scope) -> dict[str, object]:
    extra: dict[str, object] = {"executionArn": scope.replay.arn}
    if scope.parent_id:
        extra["parentId"] = scope.parent_id
    return extra


def _name_of(func: Any) -> str | None:
    """Functions made by the decorators are called like what they decorate; others have no name."""
    return getattr(func, "_original_name", None)


def _submission(submitter: Callable[..., Any]) -> Callable[[str], Callable[[StepContext], Any]]:
    """The step that hands a callback's id to the submitter."""
    from perdure.shell.kinds import is_async

    def submit(callback_id: str) -> Callable[[StepContext], Any]:
        if is_async(submitter):

            async def await_submitter(step: StepContext) -> Any:
                return await submitter(callback_id, WaitForCallbackContext(step.logger))

            return await_submitter

        def call_submitter(step: StepContext) -> Any:
            return submitter(callback_id, WaitForCallbackContext(step.logger))

        return call_submitter

    return submit


def _item(
    func: Callable[..., Any], item: Any, index: int, inputs: Sequence[Any]
) -> Callable[[Any], Any]:
    """The branch of one item."""
    from perdure.shell.kinds import is_async

    if is_async(func):

        async def await_item(context: Any) -> Any:
            return await func(context, item, index, inputs)

        return await_item

    def call_item(context: Any) -> Any:
        return func(context, item, index, inputs)

    return call_item
