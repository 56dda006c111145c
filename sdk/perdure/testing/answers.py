"""What the outside world tells a callback, as decisions of the domain."""

from __future__ import annotations

from collections.abc import Callable

from perdure.testing.arguments import json_of
from perdure_service.domain.decide_callback import (
    decide_callback_failure,
    decide_callback_success,
)
from perdure_service.domain.decision import Decision, Moment
from perdure_service.domain.execution import Execution
from perdure_service.domain.operations import ErrorObject

CallbackDecide = Callable[[Execution, str, Moment], Decision[None]]


def success(result: object) -> CallbackDecide:
    """Text as it is, anything else as JSON. Raises TypeError for what has no form in JSON."""
    payload = (
        result
        if isinstance(result, str) or result is None
        else json_of(result, "a callback's result")
    )

    def decide(execution: Execution, operation_id: str, moment: Moment) -> Decision[None]:
        return decide_callback_success(execution, operation_id, payload, moment)

    return decide


def failure(message: str | None, error_type: str | None) -> CallbackDecide:
    error = ErrorObject(message=message, type=error_type)

    def decide(execution: Execution, operation_id: str, moment: Moment) -> Decision[None]:
        return decide_callback_failure(execution, operation_id, error, moment)

    return decide
