"""GetDurableExecution, its history, and lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perdure_service.application.markers import Markers
from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Sight
from perdure_service.domain.ids import ExecutionArn, is_uuid
from perdure_service.domain.limits import Limits
from perdure_service.domain.tokens import MarkerKind
from perdure_service.ports.log import ExecutionLog


@dataclass(frozen=True, slots=True)
class HistoryPage:
    events: Sequence[Event]
    next_marker: str | None


async def find_durable(log: ExecutionLog, arn: str) -> Execution:
    """The durable execution of that very ARN. Raises InvalidParameterValue or ResourceNotFound."""
    parsed = ExecutionArn.parse(arn)
    missing = ResourceNotFound(f"Durable Execution does not exist: {arn}")
    if not is_uuid(parsed.id):
        raise missing
    try:
        execution = await log.read(parsed.id)
    except ResourceNotFound:
        raise missing from None
    if not execution.identity.durable or execution.identity.arn != arn:
        raise missing
    return execution


@dataclass(frozen=True, slots=True)
class ReadExecution:
    log: ExecutionLog

    async def __call__(self, arn: str) -> Execution:
        return await find_durable(self.log, arn)


@dataclass(frozen=True, slots=True)
class ReadHistory:
    log: ExecutionLog
    markers: Markers
    limits: Limits

    async def __call__(
        self,
        arn: str,
        *,
        marker: str | None,
        max_items: int,
        reverse: bool,
        include_data: bool = True,
    ) -> HistoryPage:
        """At most `max_items` events and as much data as a page may hold, oldest first unless
        `reverse`. Pages stay stable while the execution runs: newest-first paging ends where it
        began, oldest-first goes on with what came since."""
        execution = await find_durable(self.log, arn)
        kind = MarkerKind.HISTORY_REVERSED if reverse else MarkerKind.HISTORY
        first, last = 0, execution.last_event_id
        if marker:
            position = self.markers.read(marker, execution.id, kind).position
            first, last = (0, position - 1) if reverse else (position, last)
        max_bytes = self.limits.history_page_bytes
        events = await self.log.events(
            execution.id,
            after=first,
            upto=last,
            limit=max_items,
            reverse=reverse,
            payloads=include_data,
            max_bytes=max_bytes if execution.stored_bytes > max_bytes else None,
        )
        if last > first and not events:
            raise ResourceNotFound(f"Durable Execution does not exist: {arn}")  # purged just now
        more = bool(events) and (events[-1].id > 1 if reverse else events[-1].id < last)
        sight = Sight(execution.last_event_id)
        return HistoryPage(
            events=events,
            next_marker=(
                self.markers.at(execution.id, kind, sight, events[-1].id) if more else None
            ),
        )
