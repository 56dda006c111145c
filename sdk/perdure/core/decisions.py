"""What the user's strategies and predicates answer, looked at before it is acted on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from perdure.core.effects import Call, Program
from perdure.core.scope import Place
from perdure.exceptions import ValidationError
from perdure.lambda_service import error_text


def retry_decision(
    asker: object, strategy: Callable[[Exception, int], Any], error: Exception, attempt: int
) -> Program:
    """Whether the strategy tries again what `asker` failed in. Raises ValidationError."""
    told = f"{type(error).__qualname__}: {error_text(error)}"
    decision = yield from _answer(f"The retry strategy of {asker}", strategy, (error, attempt))
    if not hasattr(decision, "should_retry"):
        raise ValidationError(
            f"The retry strategy of {asker} answered {decision!r} to {told}. It has to return a "
            "RetryDecision: RetryDecision.no_retry(), or RetryDecision.retry(...)."
        ) from error
    return decision


def wait_decision(
    place: Place, strategy: Callable[[Any, int], Any], state: Any, attempt: int
) -> Program:
    """Whether the condition is to be checked again. Raises ValidationError."""
    decision = yield from _answer(f"The wait strategy of {place}", strategy, (state, attempt))
    if not hasattr(decision, "should_continue"):
        raise ValidationError(
            f"The wait strategy of {place} answered {decision!r} after attempt {attempt}. It has "
            "to return a WaitForConditionDecision: WaitForConditionDecision.stop_polling(), or "
            "WaitForConditionDecision.continue_waiting(...)."
        )
    return decision


def completion_decision(place: Place, predicate: Callable[[Any], Any], status: Any) -> Program:
    """Whether the batch is complete. Raises ValidationError."""
    decision = yield from _answer(f"The should_complete of {place}", predicate, (status,))
    if not hasattr(decision, "complete"):
        raise ValidationError(
            f"The should_complete of {place} answered {decision!r}. It has to return a "
            "CompletionDecision: continue_batch(), or complete_batch(...)."
        )
    return decision


def _answer(what: str, func: Callable[..., Any], args: tuple[object, ...]) -> Program:
    """What `func` answers, with an error of its own if it cannot be called so."""
    try:
        answer = yield Call(func, args, quick=True)
    except TypeError as error:
        if _takes(func, args):
            raise
        raise ValidationError(
            f"{what} cannot be called: {error}. Hand over a function of {len(args)} arguments; "
            "where it is made by another, as RetryPresets.transient() is, call that."
        ) from error
    if inspect.iscoroutine(answer):
        answer.close()
        raise ValidationError(f"{what} is a coroutine function. It has to be a plain `def`.")
    return answer


def _takes(func: Callable[..., Any], args: tuple[object, ...]) -> bool:
    try:
        inspect.signature(func).bind(*args)
    except (TypeError, ValueError):
        return False
    return True
