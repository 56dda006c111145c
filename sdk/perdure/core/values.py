"""How programs write values down, read them back, and fail with what is recorded."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, NoReturn

from perdure.core.effects import Call, Effect
from perdure.core.scope import Place
from perdure.exceptions import (
    DurableOperationError,
    PayloadTooLargeError,
    RetryableSerDesError,
    SerDesError,
)
from perdure.lambda_service import ErrorObject, error_text
from perdure.serdes import (
    BUILT_IN,
    EXTENDED_TYPES_SERDES,
    ExtendedTypeSerDes,
    JsonSerDes,
    SerDes,
    SerDesContext,
    survives,
)
from perdure.service_api import ErrorObject as WireError

PAYLOAD_BYTES = 1024 * 1024
"""What Lambda keeps for one operation."""

REPLAY_CHILDREN_CHARACTERS = 256 * 1024
"""A context's larger result is made anew on replay."""

_OWN = "or give the operation a serdes of your own in its config"
_WRITING = {
    ExtendedTypeSerDes: f"Return JSON types, dates, UUIDs, Decimals or bytes, {_OWN}",
    JsonSerDes: f"Hand over dicts, lists, strings, numbers, booleans and None, {_OWN}",
}

Values = Generator[Effect, Any, Any]


def write(place: Place, serdes: SerDes[Any] | None, value: Any, what: str) -> Values:
    """The text of a value; `what` it is goes into the error. Raises SerDesError."""
    serdes = serdes or EXTENDED_TYPES_SERDES
    if type(serdes) in BUILT_IN:
        return _serialize(place, serdes, value, what)
    return (yield Call(_serialize, (place, serdes, value, what)))


def read(
    place: Place, serdes: SerDes[Any] | None, text: str | None, what: str = "result"
) -> Values:
    """The value of a text; None stays None. Raises SerDesError."""
    if text is None:
        return None
    serdes = serdes or EXTENDED_TYPES_SERDES
    if type(serdes) in BUILT_IN:
        return _deserialize(place, serdes, text, what)
    return (yield Call(_deserialize, (place, serdes, text, what)))


def _serialize(place: Place, serdes: SerDes[Any], value: Any, what: str) -> str | None:
    try:
        text: Any = serdes.serialize(value, _context_of(place))
    except Exception as error:
        if _is_final(serdes, error):
            raise
        advice = _WRITING.get(type(serdes)) or (
            f"Let {_named(serdes)}.serialize write such a value, or raise RetryableSerDesError "
            "for trouble that passes"
        )
        raise SerDesError(
            f"The {what} of {place} cannot be written down: {_told(error)}. {advice}."
        ) from error
    if text is not None and not isinstance(text, str):
        raise SerDesError(
            f"The serdes of {place} wrote the {what} as {type(text).__qualname__}: "
            f"{_named(serdes)}.serialize has to return a str, or None for nothing."
        )
    return text


def _deserialize(place: Place, serdes: SerDes[Any], text: str, what: str) -> Any:
    try:
        return serdes.deserialize(text, _context_of(place))
    except Exception as error:
        if _is_final(serdes, error):
            raise
        advice = "Give the operation the serdes that wrote it"
        if type(serdes) not in BUILT_IN:
            advice += (
                f", let {_named(serdes)}.deserialize read what running executions have written "
                "before, and raise RetryableSerDesError for trouble that passes"
            )
        raise SerDesError(
            f"The {what} of {place} cannot be read back: {_told(error)}. {advice}."
        ) from error


def _context_of(place: Place) -> SerDesContext:
    return SerDesContext(place.id, place.scope.replay.arn)


def _is_final(serdes: SerDes[Any], error: Exception) -> bool:
    """Whether the error is the user's own word, which nothing is added to."""
    if isinstance(error, RetryableSerDesError):
        return True
    return isinstance(error, SerDesError) and type(serdes) not in BUILT_IN


def _named(serdes: SerDes[Any]) -> str:
    return serdes.__qualname__ if isinstance(serdes, type) else type(serdes).__qualname__


def _told(error: Exception) -> str:
    if isinstance(error, SerDesError) and error.message:
        return error.message.removesuffix(".")
    return f"{type(error).__name__}: {error_text(error)}".removesuffix(".")


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
