"""From an exception to the error that Lambda's clients read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from perdure_service.api.asgi import Answer
from perdure_service.domain.errors import (
    CallbackTimeout,
    DomainError,
    ExecutionAlreadyStarted,
    InvalidCheckpoint,
    InvalidCheckpointToken,
    InvalidParameterValue,
    InvalidRequestContent,
    PreconditionFailed,
    RequestTooLarge,
    ResourceConflict,
    ResourceNotFound,
    TooManyRequests,
    Unavailable,
    UnknownOperation,
)

logger = logging.getLogger(__name__)

_MAX_LOGGED_CHARACTERS = 500


@dataclass(frozen=True, slots=True)
class WireError:
    """An error code of Lambda's model, its HTTP status, and the member that holds its message."""

    code: str
    status: int
    message_member: str = "message"

    @property
    def type(self) -> str:
        return "User" if self.status < 500 else "Service"


WIRE_ERRORS: Mapping[type[DomainError], WireError] = {
    InvalidParameterValue: WireError("InvalidParameterValueException", 400),
    InvalidCheckpoint: WireError("InvalidParameterValueException", 400),
    InvalidCheckpointToken: WireError("InvalidParameterValueException", 400),
    ResourceNotFound: WireError("ResourceNotFoundException", 404, "Message"),
    ResourceConflict: WireError("ResourceConflictException", 409),
    PreconditionFailed: WireError("PreconditionFailedException", 412),
    ExecutionAlreadyStarted: WireError("DurableExecutionAlreadyStartedException", 409, "Message"),
    CallbackTimeout: WireError("CallbackTimeoutException", 400, "Message"),
    TooManyRequests: WireError("TooManyRequestsException", 429),
    RequestTooLarge: WireError("RequestTooLargeException", 413),
    InvalidRequestContent: WireError("InvalidRequestContentException", 400),
    UnknownOperation: WireError("UnknownOperationException", 404),
    Unavailable: WireError("ServiceException", 503, "Message"),
}
"""SDKs repeat 429 and 5xx and take the other statuses for final. An outage has Lambda's code for
its own failures with a status of its own, which tells proxies and workers that it will pass."""

_UNEXPECTED = WireError("ServiceException", 500, "Message")


def error_answer(error: Exception, request: str) -> Answer:
    """The answer to a request that failed. A refusal is logged in one line, anything unexpected
    with its traceback. `request` says which request it was."""
    if not isinstance(error, DomainError):
        logger.error("failed: %s", request, exc_info=error)
        return _answer(
            _UNEXPECTED, "The service failed to handle the request; its log says why.", {}, ()
        )
    wire = WIRE_ERRORS[type(error)]
    message = error.message
    level = logging.INFO if wire.status < 500 else logging.WARNING
    shown = message[:_MAX_LOGGED_CHARACTERS].encode("unicode_escape").decode()
    logger.log(level, "refused: %s: %d %s: %s", request, wire.status, wire.code, shown)
    match error:
        case TooManyRequests(reason=reason, retry_after_seconds=seconds):
            return _answer(wire, message, {"Reason": reason}, _retry_after(seconds))
        case Unavailable():
            return _answer(wire, message, {}, _retry_after(1))
        case _:
            return _answer(wire, message, {}, ())


def _retry_after(seconds: int) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"retry-after", b"%d" % seconds),)


def _answer(
    wire: WireError,
    message: str,
    members: Mapping[str, Any],
    headers: tuple[tuple[bytes, bytes], ...],
) -> Answer:
    body = {"Type": wire.type, wire.message_member: message, **members}
    return Answer(
        wire.status,
        to_json(body),
        ((b"x-amzn-errortype", wire.code.encode()), *headers),
    )
