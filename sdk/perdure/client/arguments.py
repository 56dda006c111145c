"""What the caller hands over, as it is sent. Each raises TypeError for another kind, with the
right one."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from perdure.client.operation import json_body
from perdure.client.results.error_object import ErrorObject


def payload_bytes(what: str, value: Any, payload: bytes | None) -> bytes:
    """`payload` as it is, else `value` as JSON."""
    if payload is None:
        try:
            return json.dumps(value).encode()
        except (TypeError, ValueError) as error:
            raise TypeError(
                f"The {what} cannot be written as JSON: {error}. Hand over dicts, lists, strings, "
                "numbers, booleans and None, or bytes as `payload`."
            ) from error
    if value is not None:
        raise TypeError(f"Give the {what} or a payload, not both.")
    if not isinstance(payload, bytes):
        raise TypeError(
            f"A payload is bytes, not {type(payload).__qualname__}: what is to be sent as JSON is "
            f"the {what}."
        )
    return payload


def header_text(what: str, text: Any) -> str:
    """Raises ValueError for text that no header can carry."""
    if not isinstance(text, str):
        raise TypeError(f"{what} is a str, not {type(text).__qualname__}.")
    if not (text.isascii() and text.isprintable()):
        raise ValueError(f"{what} has printable ASCII characters only, unlike {text!r}.")
    return text


def error_body(error: ErrorObject | None) -> bytes:
    if error is None:
        return b""
    given: object = error
    if not isinstance(given, ErrorObject):
        raise TypeError(
            f"An error is an ErrorObject, such as ErrorObject('no stock', 'OutOfStock'), not "
            f"{type(given).__qualname__}."
        )
    return json_body(error.to_wire())


def listed(what: str, values: Iterable[object]) -> list[str]:
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{what} is a list, such as [{values!r}], not one of its members.")
    return [str(value) for value in values]
