"""wait_for_callback: a child context with a callback and the step that hands its id on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from perdure.config import CallbackConfig, StepConfig, WaitForCallbackConfig
from perdure.core.children import child_program
from perdure.core.effects import Program
from perdure.core.pauses import callback_result_program, create_callback_program
from perdure.core.scope import Place, Scope
from perdure.core.steps import step_program
from perdure.exceptions import (
    CallbackError,
    CallbackSubmitterError,
    ChildContextError,
    StepError,
)


def wait_for_callback_program(
    place: Place,
    submit: Callable[[str], Callable[[Any], Any]],
    name: str | None,
    config: WaitForCallbackConfig | None,
    context_for: Callable[[Place, int], Any],
) -> Program:
    """Create a callback, run `submit(its id)` as a step, and wait for the callback's end.

    Raises a CallbackError: what ended the callback, or CallbackSubmitterError.
    """
    prefix = f"{name} " if name else ""
    callback_config: CallbackConfig = config or CallbackConfig()
    step_config = (
        StepConfig(retry_strategy=config.retry_strategy, serdes=config.serdes) if config else None
    )

    def body(scope: Scope) -> Program:
        sub_type = callback_config.sub_type or "Callback"
        callback = scope.place("CALLBACK", sub_type, f"{prefix}create callback id")
        callback_id = yield from create_callback_program(callback, callback_config)
        step = scope.place("STEP", "Step", f"{prefix}submitter")
        yield from step_program(step, submit(callback_id), step_config, context_for)
        return (yield from callback_result_program(callback, callback_config.serdes))

    try:
        return (yield from child_program(place, body, None))
    except ChildContextError as error:
        match error.__cause__:
            case CallbackError() as callback_error:
                raise callback_error from None
            case StepError() as step_error:
                raise CallbackSubmitterError(
                    step_error.message or "Callback submitter failed",
                    data=step_error.data,
                    stack_trace=step_error.stack_trace,
                ) from step_error
        raise
