"""What is said of operations that are asked for where they do not belong."""

from __future__ import annotations

import warnings

from perdure.code_place import code_place
from perdure.core.scope import INSIDE, Place, Scope, describe
from perdure.exceptions import (
    ConcurrentOperationsError,
    DurableExecutionWarning,
    OperationInStepError,
    ValidationError,
)
from perdure.service_api import OperationType


def check_place(scope: Scope, asked_for: object) -> None:
    """An operation belongs into its context's code: not into a step, and not elsewhere."""
    inside = INSIDE.get()
    if inside is scope:
        return
    if isinstance(inside, Place):
        raise OperationInStepError(
            f"{asked_for} was asked for inside {inside}, at {code_place()}. A step is one "
            "piece of work without operations of its own: move the operation out of the step, "
            "or make the step a child context (run_in_child_context)."
        )
    if inside is not None:
        warnings.warn(
            f"{asked_for} was asked for with another context than the one of the code around "
            f"it, at {code_place()}. Use the context that the function is given; the order of "
            "the outer one's operations may differ on replay.",
            DurableExecutionWarning,
            stacklevel=4,
        )


def foreign(place: object) -> ConcurrentOperationsError:
    return ConcurrentOperationsError(
        f"{place} was asked for at {code_place()}, in a thread or task that is none of this "
        "context's. Ask for operations in the handler itself, or run the code beside it with "
        "context.parallel or context.map, and use the context that its function is given."
    )


def ended(type_: OperationType, sub_type: str, name: str | None) -> ValidationError:
    return ValidationError(
        f"{describe(type_, sub_type, name)}, at {code_place()}, was asked for with a context whose "
        "function has returned. Use the context that the code around is given."
    )


def racing(first: object, second: object) -> ConcurrentOperationsError:
    return ConcurrentOperationsError(
        f"{second} was begun at {code_place()} while {first} of the same context still runs in "
        "another task or thread. Which comes first may differ on replay: give each branch a "
        "context of its own with context.parallel or context.map, or make the calls one after the "
        "other and await them together with asyncio.gather."
    )
