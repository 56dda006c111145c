"""One call as a value: what to send, and how to read the answer."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Final, Generic, TypeVar
from urllib.parse import quote

T = TypeVar("T")

JSON_TYPE: Final = "application/json"
UNRESERVED: Final = "-._~"
"""All else is percent-encoded in paths and queries, as botocore does it."""


class Repeat(Enum):
    """When a request may be sent again. A connection that was refused, and 429, tell that nothing
    was done; a lost answer and 5xx leave it open."""

    ALWAYS = auto()
    UNLESS_DONE = auto()
    BY_INVOCATION_ID = auto()
    """Perdure knows a repeated synchronous Invoke by its id; Lambda does not."""


class Service(Enum):
    """What may be reached at an address of its own."""

    LAMBDA = "lambda"
    LOGS = "logs"
    PERDURE = "perdure"
    """Routes that only Perdure has."""


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is encoded, `query` is not. `wait_seconds` is how long the answer may take beyond
    what any answer may."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = field(default=b"", repr=False)
    repeat: Repeat = Repeat.ALWAYS
    service: Service = Service.LAMBDA
    wait_seconds: float = 0.0

    @property
    def target(self) -> str:
        pairs = (f"{quote(n, UNRESERVED)}={quote(v, UNRESERVED)}" for n, v in self.query)
        return "?".join(filter(None, (self.path, "&".join(pairs))))


@dataclass(frozen=True, slots=True)
class Answer:
    """Names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        """Raises ValueError for anything but an object. An empty body is an empty object."""
        document = json.loads(self.body or b"{}")
        if not isinstance(document, dict):
            raise ValueError("not a JSON object")
        return document


@dataclass(frozen=True, slots=True)
class Operation(Generic[T]):
    """`parse` reads a successful answer. What it raises as KeyError, TypeError or ValueError tells
    that the answer is not what the API promises."""

    request: Request
    parse: Callable[[Answer], T]


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`marker` leads to the next page, None on the last one."""

    items: tuple[T, ...]
    marker: str | None


def segment(text: str) -> str:
    """A name, an ARN or a callback id as one segment of a path. Raises TypeError for anything but
    text, and ValueError for none."""
    given: object = text
    if not isinstance(given, str):
        hint = ": give its `arn`" if hasattr(given, "execution_arn") else ""
        raise TypeError(f"A name or an ARN is a str, not {type(given).__qualname__}{hint}.")
    if not text:
        raise ValueError("A name or an ARN is wanted here, not an empty text.")
    return quote(text, safe=UNRESERVED)


def json_body(members: Mapping[str, Any]) -> bytes:
    """Without those that are None."""
    present = {name: value for name, value in members.items() if value is not None}
    return json.dumps(present).encode()


def query(**members: str | int | bool | None) -> tuple[tuple[str, str], ...]:
    """Without those that are None; true and false as the API spells them."""
    return tuple(
        (name, str(value).lower() if isinstance(value, bool) else str(value))
        for name, value in members.items()
        if value is not None
    )


def nothing(_: Answer) -> None:
    """For answers that say no more than that it is done."""
