"""Lambda's ErrorObject: how a function, an operation or an execution failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorObject:
    message: str | None = None
    type: str | None = None
    data: str | None = None
    stack_trace: tuple[str, ...] = ()

    def __str__(self) -> str:
        return ": ".join(filter(None, (self.type, self.message))) or "no error was told"

    def to_wire(self) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "ErrorMessage": self.message,
            "ErrorType": self.type,
            "ErrorData": self.data,
            "StackTrace": list(self.stack_trace) or None,
        }
        return {name: value for name, value in shape.items() if value is not None}


def error_object(shape: Mapping[str, Any] | None) -> ErrorObject | None:
    if shape is None:
        return None
    return ErrorObject(
        message=shape.get("ErrorMessage"),
        type=shape.get("ErrorType"),
        data=shape.get("ErrorData"),
        stack_trace=tuple(shape.get("StackTrace") or ()),
    )


def runtime_error(shape: object) -> ErrorObject:
    """The body of a failed Invoke, as runtimes spell it; anything else is taken for a message."""
    if not isinstance(shape, Mapping):
        return ErrorObject(message=None if shape is None else str(shape))
    trace = shape.get("stackTrace") or shape.get("trace") or ()
    return ErrorObject(
        message=shape.get("errorMessage"),
        type=shape.get("errorType"),
        stack_trace=tuple(map(str, trace)) if isinstance(trace, list | tuple) else (),
    )
