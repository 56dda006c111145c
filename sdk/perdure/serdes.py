"""How values are written down and read back.

JSON as it is for None, str, int, float, bool and lists of these. Anything else, in an envelope
`{"t": <tag>, "v": <value>}` around each value that it is made of:

    n None, s str, i int, f float, b bool      B bytes, in base64
    u UUID    d Decimal    dt datetime    D date
    t tuple   l list       m dict         br BatchResult
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from perdure.compact import compact_json
from perdure.exceptions import RetryableSerDesError, SerDesError

T = TypeVar("T")

_PLAIN = frozenset((type(None), str, int, float, bool))
_TAGS: dict[type, str] = {type(None): "n", str: "s", int: "i", float: "f", bool: "b"}


@dataclass(frozen=True, slots=True)
class SerDesContext:
    """Whose value it is: `operation_id` and `durable_execution_arn`."""

    operation_id: str = ""
    durable_execution_arn: str = ""


class SerDes(ABC, Generic[T]):
    """Writes a value down as text and reads it back. Derive your own from it.

        class Money(SerDes[Decimal]):
            def serialize(self, value: Decimal, serdes_context: SerDesContext) -> str:
                return str(value)

            def deserialize(self, data: str, serdes_context: SerDesContext) -> Decimal:
                return Decimal(data)


        context.step(price, config=StepConfig(serdes=Money()))

    Raise RetryableSerDesError for trouble that passes: the invocation is made again. What else is
    raised is a SerDesError that names the operation: a step fails for good with it, and an
    execution whose handler does not catch it. It has to read what running executions have written
    before, so change a form only together with a version of the function.
    """

    @abstractmethod
    def serialize(self, value: T, serdes_context: SerDesContext) -> str:
        """The value as text, of up to 1 MiB; None for nothing."""

    @abstractmethod
    def deserialize(self, data: str, serdes_context: SerDesContext) -> T:
        """The value of a text that `serialize` made."""

    @staticmethod
    def is_primitive(obj: Any) -> bool:
        """Whether JSON gives it back as it is."""
        if isinstance(obj, list):
            return all(SerDes.is_primitive(item) for item in obj)
        return obj is None or isinstance(obj, str | int | float | bool)


class PassThroughSerDes(SerDes[Any]):
    """For values that are text already. What callbacks use unless told otherwise."""

    def serialize(self, value: Any, _: SerDesContext) -> str:
        return cast("str", value)

    def deserialize(self, data: str, _: SerDesContext) -> Any:
        return data


class JsonSerDes(SerDes[Any]):
    """Plain JSON: a tuple comes back as a list. What invokes use unless told otherwise."""

    def serialize(self, value: Any, _: SerDesContext) -> str:
        return json.dumps(value)

    def deserialize(self, data: str, _: SerDesContext) -> Any:
        return json.loads(data)


class ExtendedTypeSerDes(SerDes[Any]):
    """JSON that keeps Python's common types: tuples, dates, UUIDs, Decimals, bytes, BatchResults.
    What operations use unless told otherwise."""

    def serialize(self, value: Any, context: SerDesContext | None = None) -> str:
        if type(value) in _PLAIN or self.is_primitive(value):
            return compact_json(value)
        return compact_json(_wrap(value))

    def deserialize(self, data: str, context: SerDesContext | None = None) -> Any:
        value = json.loads(data)
        if type(value) in _PLAIN or self.is_primitive(value):
            return value
        if not (isinstance(value, dict) and "t" in value and "v" in value):
            raise SerDesError(
                "this text was not written by the default serdes: it is neither a plain JSON value "
                'nor an envelope with "t" and "v"'
            )
        return _unwrap(value)


def _wrap(value: Any) -> dict[str, Any]:
    kind = type(value)
    if tag := _TAGS.get(kind):
        return {"t": tag, "v": value}
    if kind is dict:
        return {"t": "m", "v": {_key(key): _wrap(item) for key, item in value.items()}}
    if kind is list:
        return {"t": "l", "v": [_wrap(item) for item in value]}
    if kind is tuple:
        return {"t": "t", "v": [_wrap(item) for item in value]}
    return _wrap_rare(value)


def _wrap_rare(value: Any) -> dict[str, Any]:
    from base64 import b64encode
    from datetime import date, datetime
    from decimal import Decimal
    from uuid import UUID

    from perdure.concurrency.models import BatchResult

    match value:
        case bool():
            return {"t": "b", "v": value}
        case str():
            return {"t": "s", "v": value}
        case int():
            return {"t": "i", "v": value}
        case float():
            return {"t": "f", "v": value}
        case bytes() | bytearray() | memoryview():
            return {"t": "B", "v": b64encode(bytes(value)).decode()}
        case UUID():
            return {"t": "u", "v": str(value)}
        case Decimal():
            return {"t": "d", "v": str(value)}
        case datetime():
            return {"t": "dt", "v": value.isoformat()}
        case date():
            return {"t": "D", "v": value.isoformat()}
        case BatchResult():
            return {"t": "br", "v": _wrap(value.to_dict())["v"]}
        case dict():
            return _wrap(dict(value))
        case list():
            return _wrap(list(value))
        case tuple():
            return _wrap(tuple(value))
    kind = type(value)
    raise SerDesError(f"a value of type {kind.__module__}.{kind.__qualname__} has no JSON form")


def _key(key: Any) -> Any:
    if isinstance(key, tuple):
        raise SerDesError(f"a dict with the tuple {key!r} as a key has no JSON form")
    return key


def _unwrap(wrapped: Any) -> Any:
    if not (isinstance(wrapped, dict) and "t" in wrapped and "v" in wrapped):
        return wrapped
    read = _READERS.get(wrapped["t"])
    if read is None:
        raise SerDesError(f'the tag "{wrapped["t"]}" is not one of the default serdes')
    return read(wrapped["v"])


def _read_bytes(value: Any) -> bytes:
    from base64 import b64decode

    return b64decode(value)


def _read_uuid(value: Any) -> Any:
    from uuid import UUID

    return UUID(value)


def _read_decimal(value: Any) -> Any:
    from decimal import Decimal

    return Decimal(value)


def _read_datetime(value: Any) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(value)


def _read_date(value: Any) -> Any:
    from datetime import date

    return date.fromisoformat(value)


def _read_dict(value: Any) -> dict[str, Any]:
    return {key: _unwrap(item) for key, item in value.items()}


def _read_batch(value: Any) -> Any:
    from perdure.concurrency.models import BatchResult

    return BatchResult.from_dict(_read_dict(value))


_READERS: dict[Any, Callable[[Any], Any]] = {
    "n": lambda _: None,
    "s": str,
    "b": bool,
    "i": int,
    "f": float,
    "B": _read_bytes,
    "u": _read_uuid,
    "d": _read_decimal,
    "dt": _read_datetime,
    "D": _read_date,
    "l": lambda value: [_unwrap(item) for item in value],
    "t": lambda value: tuple(_unwrap(item) for item in value),
    "m": _read_dict,
    "br": _read_batch,
}

DEFAULT_JSON_SERDES: SerDes[Any] = JsonSerDes()
EXTENDED_TYPES_SERDES: SerDes[Any] = ExtendedTypeSerDes()
PASS_THROUGH_SERDES: SerDes[Any] = PassThroughSerDes()
BUILT_IN = frozenset((JsonSerDes, ExtendedTypeSerDes, PassThroughSerDes))


def serialize(
    serdes: SerDes[Any] | None, value: Any, operation_id: str, durable_execution_arn: str
) -> str:
    """The text of a value. Raises SerDesError, or RetryableSerDesError as it came."""
    try:
        return (serdes or EXTENDED_TYPES_SERDES).serialize(
            value, SerDesContext(operation_id, durable_execution_arn)
        )
    except (RetryableSerDesError, SerDesError):
        raise
    except Exception as error:
        raise SerDesError(f"{type(error).__name__}: {error}") from error


def deserialize(
    serdes: SerDes[Any] | None, data: str, operation_id: str, durable_execution_arn: str
) -> Any:
    """The value of a text. Raises SerDesError, or RetryableSerDesError as it came."""
    try:
        return (serdes or EXTENDED_TYPES_SERDES).deserialize(
            data, SerDesContext(operation_id, durable_execution_arn)
        )
    except (RetryableSerDesError, SerDesError):
        raise
    except Exception as error:
        raise SerDesError(f"{type(error).__name__}: {error}") from error


def survives(value: Any) -> bool:
    """Whether the default serdes gives the very same value back, so that it need not be read."""
    return type(value) in _PLAIN
