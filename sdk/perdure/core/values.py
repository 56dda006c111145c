"""How programs write values down, read them back, and fail with what is recorded."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NoReturn

from perdure.core.effects import Call, Effect
from perdure.core.scope import Place
from perdure.exceptions import DurableOperationError, PayloadTooLargeError, SerDesError
from perdure.lambda_service import ErrorObject
from perdure.serdes import DEFAULT_JSON_SERDES, SerDes, deserialize, serialize, survives
from perdure.service_api import ErrorObject as WireError

PAYLOAD_BYTES = 1024 * 1024
"""What Lambda keeps for one operation."""

REPLAY_CHILDREN_CHARACTERS = 256 * 1024
"""A context's larger result is made anew on replay."""

Values = Generator[Effect, Any, Any]


def write(place: Place, serdes: SerDes[Any] | None, value: Any, what: str) -> Values:
    """The text of a value; `what` it is goes into the error. Raises SerDesError."""
    if serdes is not None and serdes is not DEFAULT_JSON_SERDES:
        text = yield Call(serialize, (serdes, value, place.id, place.scope.replay.arn))
        if text is not None and not isinstance(text, str):
            raise SerDesError(
                f"The serdes of {place} wrote the {what} as {type(text).__qualname__}: its "
                "`serialize` has to return a str, or None for nothing."
            )
        return text
    try:
        return serialize(serdes, value, place.id, place.scope.replay.arn)
    except SerDesError as error:
        advice = (
            "Return JSON types, dates, UUIDs, Decimals or bytes"
            if serdes is None
            else "Hand over dicts, lists, strings, numbers, booleans and None"
        )
        raise SerDesError(
            f"The {what} of {place} cannot be written down: {error.message}. {advice}, or give "
            "the operation a serdes of your own in its config."
        ) from error


def read(place: Place, serdes: SerDes[Any] | None, text: str | None) -> Values:
    """The value of a text; None stays None. Raises SerDesError."""
    if text is None:
        return None
    if serdes is not None:
        return (yield Call(deserialize, (serdes, text, place.id, place.scope.replay.arn)))
    return deserialize(None, text, place.id, place.scope.replay.arn)


def read_back(place: Place, serdes: SerDes[Any] | None, text: str | None, value: Any) -> Values:
    """What a replay will make of `text`, so that the first run has the same; `value` wrote it."""
    if serdes is None and survives(value):
        return value
    return (yield from read(place, serdes, text))


def check_size(place: Place, text: str | None, what: str) -> None:
    """Raises PayloadTooLargeError if the service would not take it."""
    if text is None or len(text) * 4 <= PAYLOAD_BYTES:
        return
    size = len(text.encode(errors="replace"))
    if size > PAYLOAD_BYTES:
        raise PayloadTooLargeError(
            f"The {what} of {place} has {size:,} bytes, and an operation keeps {PAYLOAD_BYTES:,}. "
            "Keep it in a file or a database and return where it is, or give the operation a "
            "serdes that does so."
        )


def fail(kind: type[DurableOperationError], error: WireError | None) -> NoReturn:
    """Raise the recorded failure of an operation of this kind."""
    if error is None:
        raise kind("The operation failed, and the service has no error of it.")
    ErrorObject.from_dict(error).raise_as_operation_error(kind)
