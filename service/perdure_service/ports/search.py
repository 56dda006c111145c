"""Finding executions by what they are, not by their id."""

from __future__ import annotations

from typing import Protocol

from perdure_service.domain.execution import ExecutionStatus, Identity
from perdure_service.domain.frozen import frozen
from perdure_service.domain.instant import Instant


@frozen
class ExecutionQuery:
    """Filters are ANDed; None or empty does not filter. `position` is that of the last summary of
    the page before. Newest first unless `oldest_first`."""

    function_name: str | None = None
    version: str | None = None
    name: str | None = None
    name_prefix: str | None = None
    statuses: tuple[ExecutionStatus, ...] = ()
    started_after: Instant | None = None
    started_before: Instant | None = None
    oldest_first: bool = False
    limit: int = 100
    position: tuple[Instant, str] | None = None


@frozen
class ExecutionSummary:
    """An execution without its log."""

    identity: Identity
    status: ExecutionStatus
    ended_at: Instant | None
    operation_count: int

    @property
    def position(self) -> tuple[Instant, str]:
        return self.identity.started_at, self.identity.id


class ExecutionSearch(Protocol):
    async def find(self, query: ExecutionQuery) -> list[ExecutionSummary]:
        """Durable executions only, at most `query.limit`. Raises Unavailable."""
        ...
