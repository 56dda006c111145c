"""What the service knows of the execution, and what it has yet to be told."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import Any, Protocol

from perdure.service_api import Operation, OperationUpdate

MAX_UPDATES = 250
MAX_BYTES = 750 * 1024
"""Of one checkpoint; a single larger update goes alone."""

_TERMINAL = frozenset(("SUCCEEDED", "FAILED", "CANCELLED", "TIMED_OUT", "STOPPED"))
_MILLISECONDS_FROM = 1e11
"""No epoch seconds are as many before the year 5138."""


def is_terminal(operation: Operation) -> bool:
    return operation["Status"] in _TERMINAL


def epoch_seconds(timestamp: float | None) -> float | None:
    """Of a timestamp in seconds or in milliseconds, as Lambda's two forms have it."""
    if timestamp is None or timestamp < _MILLISECONDS_FROM:
        return timestamp
    return timestamp / 1000


class ContextFactory(Protocol):
    """Makes what the user's function gets to work with in a scope."""

    def __call__(self, scope: Any, func: Any) -> Any: ...


class Replay:
    """One invocation's view of its execution.

    `queued` counts the updates that programs have made, `kept` those that the service has.
    Updates reach it in the order in which they were made.
    """

    __slots__ = ("arn", "context_for", "kept", "operations", "outbox", "queued")

    def __init__(
        self, arn: str, operations: Iterable[Operation], context_for: ContextFactory
    ) -> None:
        self.arn = arn
        self.operations: dict[str, Operation] = {
            operation["Id"]: operation for operation in operations
        }
        self.outbox: deque[OperationUpdate] = deque()
        self.queued = 0
        self.kept = 0
        self.context_for = context_for

    @property
    def execution(self) -> Operation | None:
        """The EXECUTION operation, whose id is the end of the ARN."""
        operation = self.operations.get(self.arn.rpartition("/")[2])
        return operation if operation and operation["Type"] == "EXECUTION" else None

    @property
    def has_history(self) -> bool:
        """Whether an earlier invocation began an operation."""
        return any(operation["Type"] != "EXECUTION" for operation in self.operations.values())

    def queue(self, update: OperationUpdate) -> None:
        self.outbox.append(update)
        self.queued += 1

    def take(self) -> list[OperationUpdate]:
        """What the next checkpoint is to carry; `sent` says when the service has it."""
        taken: list[OperationUpdate] = []
        room = MAX_BYTES
        while self.outbox and len(taken) < MAX_UPDATES:
            room -= _size(self.outbox[0])
            if room < 0 and taken:
                break
            taken.append(self.outbox.popleft())
        return taken

    def sent(self, count: int, answered: Iterable[Operation]) -> list[str]:
        """The service has `count` more updates and `answered`; the ids that it told of."""
        self.kept += count
        changed = []
        for operation in answered:
            self.operations[operation["Id"]] = operation
            changed.append(operation["Id"])
        return changed


def _size(update: OperationUpdate) -> int:
    """About as many bytes as it takes in JSON."""
    error = update.get("Error")
    return 400 + len(update.get("Payload") or "") + (len(str(error)) if error else 0)
