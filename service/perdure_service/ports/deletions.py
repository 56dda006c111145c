"""Versions that were deleted, and what still runs of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionId, FunctionVersionId
from perdure_service.domain.instant import Instant

Position = tuple[Instant, ExecutionId]


@frozen
class Deletion:
    """Versions of one function. `deleted_at` is when the last of them was."""

    account: str
    function_name: str
    version_ids: tuple[FunctionVersionId, ...]
    deleted_at: Instant


@frozen
class Stretch:
    """Those that are open of a bounded number of executions. `next_position` None: it was the
    last stretch."""

    open_ids: Sequence[ExecutionId]
    next_position: Position | None


class Deletions(Protocol):
    """All methods raise Unavailable."""

    async def find(self, after: Deletion | None) -> Sequence[Deletion]:
        """Some of those that are not settled yet, one for each function, by its name; none if there
        are none after `after`."""
        ...

    async def durable(self, deletion: Deletion, position: Position | None) -> Stretch:
        """Durable executions of these versions, on from `position`."""
        ...

    async def invoked(self, deletion: Deletion, after: ExecutionId | None) -> Sequence[ExecutionId]:
        """Executions of any kind whose invocation is queued or runs, ordered by id: a bounded
        number of them after `after`, none if there are no more."""
        ...

    async def settle(self, deletion: Deletion) -> None:
        """Nothing of these versions is open, nor will be: forget them."""
        ...
