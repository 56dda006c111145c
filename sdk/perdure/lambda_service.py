"""The words of Lambda's API that handlers meet: error objects, types, subtypes and statuses."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import NoReturn

from perdure import service_api
from perdure.exceptions import (
    DurableOperationError,
    OperationCancelledError,
    PayloadTooLargeError,
    SerDesError,
    wire_name,
)

SERDES_ERROR = wire_name(SerDesError)
_SERDES_ERRORS = {SERDES_ERROR: SerDesError, wire_name(PayloadTooLargeError): PayloadTooLargeError}


class OperationStatus(Enum):
    STARTED = "STARTED"
    PENDING = "PENDING"
    READY = "READY"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"
    TIMED_OUT = "TIMED_OUT"
    STOPPED = "STOPPED"


class OperationType(Enum):
    EXECUTION = "EXECUTION"
    CONTEXT = "CONTEXT"
    STEP = "STEP"
    WAIT = "WAIT"
    CALLBACK = "CALLBACK"
    CHAINED_INVOKE = "CHAINED_INVOKE"


class OperationSubType(StrEnum):
    """The subtypes of the SDK's own operations; steps, callbacks and contexts may have others."""

    STEP = "Step"
    WAIT = "Wait"
    CALLBACK = "Callback"
    RUN_IN_CHILD_CONTEXT = "RunInChildContext"
    MAP = "Map"
    MAP_ITERATION = "MapIteration"
    PARALLEL = "Parallel"
    PARALLEL_BRANCH = "ParallelBranch"
    WAIT_FOR_CALLBACK = "WaitForCallback"
    WAIT_FOR_CONDITION = "WaitForCondition"
    CHAINED_INVOKE = "ChainedInvoke"


ERROR_CHARACTERS = 200_000
"""A longer message is cut off: Lambda keeps errors of up to 1 MiB."""


def error_text(error: BaseException) -> str:
    """What an exception says, in a form that the service keeps."""
    try:
        text = str(error)
    except Exception as unprintable:
        text = f"its text could not be had: {type(unprintable).__name__} in its __str__"
    if len(text) > ERROR_CHARACTERS:
        text = f"{text[:ERROR_CHARACTERS]}... ({len(text) - ERROR_CHARACTERS:,} characters more)"
    if not text.isascii():
        # File names that are no UTF-8 have half characters, which JSON cannot carry.
        text = text.encode(errors="backslashreplace").decode()
    return text


@dataclass(frozen=True, slots=True)
class ErrorObject:
    """An error as it stands in a history."""

    message: str | None = None
    type: str | None = None
    data: str | None = None
    stack_trace: list[str] | None = None

    @classmethod
    def from_exception(cls, exception: BaseException) -> ErrorObject:
        if isinstance(exception, SerDesError):
            kind = wire_name(type(exception))
            type_ = kind if kind in _SERDES_ERRORS else SERDES_ERROR
            return cls(exception.message, type_, exception.data, exception.stack_trace)
        if isinstance(exception, DurableOperationError):
            return cls(
                exception.message, wire_name(type(exception)), exception.data, exception.stack_trace
            )
        return cls(error_text(exception), wire_name(type(exception)))

    @classmethod
    def from_message(cls, message: str) -> ErrorObject:
        return cls(message)

    @classmethod
    def from_dict(cls, data: service_api.ErrorObject) -> ErrorObject:
        return cls(
            data.get("ErrorMessage"),
            data.get("ErrorType"),
            data.get("ErrorData"),
            data.get("StackTrace"),
        )

    def to_dict(self) -> service_api.ErrorObject:
        wire: service_api.ErrorObject = {}
        if self.message is not None:
            wire["ErrorMessage"] = self.message
        if self.type is not None:
            wire["ErrorType"] = self.type
        if self.data is not None:
            wire["ErrorData"] = self.data
        if self.stack_trace is not None:
            wire["StackTrace"] = self.stack_trace
        return wire

    def to_durable_operation_error(self) -> DurableOperationError:
        """As what is recorded here, without the operation that it happened in."""
        return DurableOperationError.from_error_fields(
            self.type, self.message, self.data, self.stack_trace
        )

    def raise_as_operation_error(
        self, operation_error_cls: builtins.type[DurableOperationError]
    ) -> NoReturn:
        """Raise the failure of an operation of this kind, caused by what is recorded here.

        What a serdes could not do stays a SerDesError, whatever operation it happened in.
        """
        cause = self.to_durable_operation_error()
        kind: Callable[..., Exception] = operation_error_cls
        if self.type in _SERDES_ERRORS:
            kind = _SERDES_ERRORS[self.type]
        elif isinstance(cause, OperationCancelledError):
            kind = OperationCancelledError
        raise kind(self.message, self.type, self.data, self.stack_trace) from cause
