"""What a durable function returns to the service: `{"Status", "Result", "Error"}`."""

from __future__ import annotations

import json
from enum import StrEnum

from perdure_service.domain.frozen import frozen
from perdure_service.domain.limits import MEBIBYTE
from perdure_service.domain.operations import ErrorObject

_MAX_ERROR_CHARACTERS = 32_768


class OutputStatus(StrEnum):
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"
    PENDING = "PENDING"


@frozen
class Output:
    status: OutputStatus
    result: str | None = None
    error: ErrorObject | None = None


@frozen
class InvalidOutput:
    """Not an output; `message` is Lambda's text."""

    message: str


_INVALID_STATUS = InvalidOutput("Invalid Status in invocation output.")


def parse_output(text: str | None) -> Output | InvalidOutput:
    """Read an invocation's output, None if it was no text. Never raises: what cannot be read is an
    InvalidOutput."""
    if text is None:
        return InvalidOutput("Invocation output is not valid UTF-8.")
    try:
        return _parse_output(text)
    except (ValueError, RecursionError):  # not JSON, or nested deeper than a parser can follow
        return _INVALID_STATUS


def _parse_output(text: str) -> Output | InvalidOutput:
    body = json.loads(text)
    if not isinstance(body, dict) or body.get("Status") not in tuple(OutputStatus):
        return _INVALID_STATUS
    status = OutputStatus(body["Status"])
    result, error = body.get("Result"), body.get("Error")
    if result is not None and not isinstance(result, str):
        return InvalidOutput("Result in invocation output must be a string.")
    if result and status is OutputStatus.FAILED:
        return InvalidOutput("Cannot provide a Result for FAILED status.")
    if error and status is OutputStatus.SUCCEEDED:
        return InvalidOutput("Cannot provide an Error for SUCCEEDED status.")
    if has_lone_surrogate(text):
        return InvalidOutput("Invocation output holds text that is not valid Unicode.")
    return Output(status, result, parse_error(error))


def parse_error(body: object) -> ErrorObject | None:
    """An ErrorObject in Lambda's API spelling; members of a wrong type are dropped."""
    if not isinstance(body, dict):
        return None
    return ErrorObject(
        message=_text(body.get("ErrorMessage")),
        type=_text(body.get("ErrorType")),
        data=_text(body.get("ErrorData")),
        stack_trace=_stack_trace(body.get("StackTrace")),
    )


def parse_runtime_error(text: str) -> ErrorObject:
    """The error a Lambda runtime posts: `{"errorType", "errorMessage", "stackTrace"}`. Node.js says
    "trace". Whatever it posts can be stored: half surrogates, which a traceback may hold, become
    question marks, and a huge error keeps its type and the start of its message."""
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return ErrorObject(type="Runtime.Unknown", message=text[:_MAX_ERROR_CHARACTERS])
    if not isinstance(body, dict):
        return ErrorObject(type="Runtime.Unknown", message="The runtime reported no error text.")
    error = ErrorObject(
        message=_text(body.get("errorMessage")),
        type=_text(body.get("errorType")),
        stack_trace=_stack_trace(body.get("stackTrace", body.get("trace"))),
    )
    if error.size_bytes <= MEBIBYTE:
        return error
    return ErrorObject(
        message=(error.message or "")[:_MAX_ERROR_CHARACTERS],
        type=(error.type or "")[:_MAX_ERROR_CHARACTERS],
    )


def has_lone_surrogate(text: str) -> bool:
    """JSON can spell half a surrogate pair; UTF-8, and so our log, cannot hold it."""
    if "\\ud" not in text and "\\uD" not in text:
        return False
    try:
        json.dumps(json.loads(text), ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


def _text(value: object) -> str | None:
    return _whole(value) if isinstance(value, str) else None


def _stack_trace(value: object) -> tuple[str, ...] | None:
    return tuple(_whole(str(line)) for line in value) if isinstance(value, list) else None


def _whole(text: str) -> str:
    return text.encode("utf-8", "replace").decode()
