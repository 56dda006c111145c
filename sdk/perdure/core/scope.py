"""Where operations stand: a scope numbers those of one context and watches over their order."""

from __future__ import annotations

from contextvars import ContextVar
from hashlib import blake2b
from typing import Any

from perdure.code_place import code_place
from perdure.core.replay import Replay, epoch_seconds, is_terminal
from perdure.exceptions import (
    NonDeterministicExecutionError,
    OrphanedChildException,
    ValidationError,
)
from perdure.service_api import Action, Operation, OperationType, OperationUpdate

INSIDE: ContextVar[Place | Scope | None] = ContextVar("perdure_inside", default=None)
"""The step or the context whose code runs here."""

_NAME_CHARACTERS = 256
_SHOWN_CHARACTERS = 60


def operation_id(prefix: str | None, number: int) -> str:
    """The id of the `number`-th operation of the context whose prefix this is."""
    text = f"{prefix}-{number}" if prefix else str(number)
    return blake2b(text.encode()).hexdigest()[:64]


class Place:
    """An operation that the handler asks for: its id and what the history is to call it."""

    __slots__ = ("id", "name", "parent_id", "scope", "sub_type", "type")

    def __init__(
        self, scope: Scope, id_: str, type_: OperationType, sub_type: str, name: str | None
    ) -> None:
        self.scope = scope
        self.id = id_
        self.type: OperationType = type_
        self.sub_type = sub_type
        self.name = name or None
        self.parent_id = scope.parent_id

    def __str__(self) -> str:
        return describe(self.type, self.sub_type, self.name)

    @property
    def record(self) -> Operation | None:
        """What the service has of it."""
        return self.scope.replay.operations.get(self.id)

    def update(self, action: Action) -> OperationUpdate:
        update: OperationUpdate = {"Id": self.id, "Type": self.type, "Action": action}
        if self.parent_id:
            update["ParentId"] = self.parent_id
        if self.name:
            update["Name"] = self.name
        update["SubType"] = self.sub_type
        return update

    def queue(self, update: OperationUpdate) -> None:
        """Raises OrphanedChildException if a context around it is closed: the update is lost."""
        self.scope.check_open()
        self.scope.replay.queue(update)

    def check(self) -> None:
        """Raises NonDeterministicExecutionError if something else is recorded here."""
        record = self.record
        if record is None or (
            record["Type"] == self.type
            and record.get("SubType") == self.sub_type
            and (record.get("Name") or None) == self.name
            and (record.get("ParentId") or None) == self.parent_id
        ):
            return
        recorded = describe(record["Type"], record.get("SubType") or "", record.get("Name") or None)
        if recorded == str(self):
            recorded += " of another context"
        raise self.other_than(recorded)

    def other_than(self, recorded: str) -> NonDeterministicExecutionError:
        return NonDeterministicExecutionError(
            f"The replay met {self} at {code_place()}, where {recorded} is recorded. A handler "
            "has to ask for the same operations in the same order each time it runs: put what may "
            "differ (time, randomness, input and output) into steps or take context.now(), "
            "context.random() and context.uuid4(), and deploy changed code as a new version, so "
            f"that running executions keep theirs. (operation {self.id})",
            self.id,
        )


class Scope:
    """The operations of one context, in their order.

    `prefix` makes their ids, `parent_id` is the context that they lie in; the two differ in a
    virtual context. `latest` is when the last of them ended that the handler has seen,
    `logger` what its context writes through. The
    branches of a batch are `unordered`: they come to their ends in any order.
    """

    __slots__ = (
        "closed",
        "count",
        "drawn",
        "latest",
        "logger",
        "parent",
        "parent_id",
        "prefix",
        "replay",
        "replaying",
        "unordered",
    )  # fmt: skip

    def __init__(
        self, replay: Replay, prefix: str | None, parent_id: str | None, parent: Scope | None
    ) -> None:
        self.replay = replay
        self.prefix = prefix
        self.parent_id = parent_id
        self.parent = parent
        self.count = 0
        self.drawn = 0
        self.closed = False
        self.logger: Any = None if parent is None else parent.logger
        self.unordered = False
        if parent is None:
            execution = replay.execution
            started = epoch_seconds(execution.get("StartTimestamp")) if execution else None
            self.latest = started or 0.0
            self.replaying = replay.has_history
        else:
            self.latest = parent.latest
            self.replaying = parent.replaying

    def child(self, place: Place, *, virtual: bool) -> Scope:
        scope = Scope(self.replay, place.id, self.parent_id if virtual else place.id, self)
        if place.record is None and not virtual:
            scope.replaying = False
        return scope

    def place(self, type_: OperationType, sub_type: str, name: str | None) -> Place:
        """The next operation. Raises NonDeterministicExecutionError if another one is recorded."""
        self.count += 1
        return self.place_at(self.count, type_, sub_type, name)

    def place_at(self, number: int, type_: OperationType, sub_type: str, name: str | None) -> Place:
        _check_name(type_, name)
        place = Place(self, operation_id(self.prefix, number), type_, sub_type, name)
        place.check()
        return place

    def check_open(self) -> None:
        """Raises OrphanedChildException if this context, or one around it, has ended."""
        scope: Scope | None = self
        while scope is not None:
            if scope.closed:
                raise OrphanedChildException("what this branch belongs to is complete without it")
            scope = scope.parent

    def enter(self, place: Place) -> bool:
        """Before an operation: whether `leave` is to be told that replaying ends with it.

        What follows the last recorded operation is new. So is the body of a step that runs.
        """
        if not self.replaying or self.unordered:
            return False
        record = place.record
        if record is None:
            self.replaying = False
            return False
        if is_terminal(record):
            return False
        if record["Type"] == "STEP":
            self.replaying = False
            return False
        return True

    def leave(self, place: Place, ends_replay: bool) -> None:
        """After an operation, however it went."""
        if (
            self.replaying
            and not self.unordered
            and (ends_replay or not self._is_recorded(self.count + 1))
        ):
            self.replaying = False
        record = place.record
        ended = epoch_seconds(record.get("EndTimestamp")) if record else None
        if ended and ended > self.latest:
            self.latest = ended

    def _is_recorded(self, number: int) -> bool:
        return operation_id(self.prefix, number) in self.replay.operations

    def draw(self) -> int:
        """256 bits that look random and are the same on every replay."""
        self.drawn += 1
        text = f"{self.prefix or ''}/{self.drawn}".encode()
        key = blake2b(self.replay.arn.encode(), digest_size=32).digest()
        return int.from_bytes(blake2b(text, key=key, digest_size=32).digest())


_WORDS = {
    "STEP": "step",
    "WAIT": "wait",
    "CALLBACK": "callback",
    "CHAINED_INVOKE": "invoke",
    "CONTEXT": "context",
    "EXECUTION": "execution",
}


def _check_name(type_: OperationType, name: object) -> None:
    """Raises ValidationError for what Lambda does not take."""
    if name is None:
        return
    if not isinstance(name, str):
        problem = f"is of type {type(name).__qualname__}"
    elif len(name) > _NAME_CHARACTERS:
        problem = f"has {len(name):,} characters"
    elif not (name.isascii() and name.isprintable()):
        problem = "has characters that are none"
    else:
        return
    shown = ascii(name)
    if len(shown) > _SHOWN_CHARACTERS:
        shown = f"{shown[:_SHOWN_CHARACTERS]}..."
    raise ValidationError(
        f"The name {shown} of a {_WORDS[type_]}, at {code_place()}, is not up to "
        f"{_NAME_CHARACTERS} printable ASCII characters: it {problem}. Give another as `name=`."
    )


def describe(type_: str, sub_type: str, name: str | None) -> str:
    """An operation in words: step 'charge', or parallel without a name."""
    word = _WORDS.get(type_, type_)
    if sub_type and sub_type.replace("_", "").lower() not in (word, "chainedinvoke"):
        word = f"{word} {sub_type}"
    return f"{word} {name!r}" if name else f"{word} without a name"
