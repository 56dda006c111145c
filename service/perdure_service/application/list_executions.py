"""Lists of executions, page by page."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

from perdure_service.application.markers import Markers
from perdure_service.domain.tokens import MarkerKind
from perdure_service.ports.search import ExecutionQuery, ExecutionSearch, ExecutionSummary


@dataclass(frozen=True, slots=True)
class ExecutionList:
    executions: Sequence[ExecutionSummary]
    next_marker: str | None


@dataclass(frozen=True, slots=True)
class ListExecutions:
    search: ExecutionSearch
    markers: Markers

    async def __call__(self, query: ExecutionQuery, marker: str | None) -> ExecutionList:
        """At most `query.limit` executions, on from `marker`. Raises InvalidParameterValue if the
        marker is of a list with other filters."""
        kind = MarkerKind.LIST_REVERSED if query.oldest_first else MarkerKind.LIST
        filters = _fingerprint(query)
        position = self.markers.read_position(marker, kind, filters) if marker else None
        found = await self.search.find(replace(query, position=position, limit=query.limit + 1))
        shown = found[: query.limit]
        return ExecutionList(
            executions=shown,
            next_marker=(
                self.markers.after_summary(kind, shown[-1], filters)
                if len(found) > len(shown)
                else None
            ),
        )


def _fingerprint(query: ExecutionQuery) -> int:
    """32 bits of what is listed; the size of a page may change on the way."""
    filters = repr(replace(query, limit=0, position=None))
    return int.from_bytes(hashlib.blake2b(filters.encode(), digest_size=4).digest())
