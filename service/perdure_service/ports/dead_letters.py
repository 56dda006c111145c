"""Events of failed asynchronous executions, on their way to where somebody looks after them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import Instant


@frozen
class Letter:
    """One event, byte for byte, and why it is here. `tries` counts the one that is under way;
    `due_at` is when the next begins, or when a letter that was given up is thrown away."""

    execution_id: ExecutionId
    execution_arn: str | None
    function_arn: str
    target: str
    event: bytes
    status: str
    error_type: str
    error_message: str
    request_id: str | None
    closed_at: Instant
    due_at: Instant
    tries: int
    last_failure: str | None
    given_up_at: Instant | None


class DeadLetters(Protocol):
    """All methods raise Unavailable while Postgres cannot be reached."""

    async def claim(
        self, now: Instant, until: Instant, *, limit: int, excluded: Sequence[str]
    ) -> list[Letter]:
        """At most `limit` letters that are due, to other targets than `excluded`, for this replica
        alone until `until`. Letters given up whose time has come are thrown away."""
        ...

    async def delivered(self, letter: Letter) -> None:
        """It has arrived: forget it, unless another replica has taken it over."""
        ...

    async def postpone(self, letter: Letter, due_at: Instant, failure: str) -> None:
        """Try again at `due_at`, unless another replica has taken it over."""
        ...

    async def give_up(
        self, letter: Letter, now: Instant, kept_until: Instant, failure: str
    ) -> None:
        """Keep it for people to see, unless another replica has taken it over."""
        ...

    async def find(self, *, after: ExecutionId | None, limit: int) -> list[Letter]:
        """Letters by execution id, oldest first."""
        ...

    async def restart(self, id_: ExecutionId, now: Instant) -> bool:
        """Due at once, with all its tries before it. False if there is no such letter."""
        ...

    async def discard(self, id_: ExecutionId) -> bool:
        """False if there is no such letter."""
        ...
