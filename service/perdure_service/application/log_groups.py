"""Log groups and streams, as CloudWatch Logs manages them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from perdure_service.application.log_tokens import page_token, token_text, token_time
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.function_logs import (
    MAX_MESSAGE_BYTES,
    RETENTION_DAYS,
    LogBatch,
    LogChunk,
    LogGroup,
    LogLine,
    LogStream,
    check_group_name,
    check_stream_name,
)
from perdure_service.domain.instant import Instant, after
from perdure_service.ports.clock import Clock
from perdure_service.ports.function_logs import LogGroups, LogIntake

_OLDEST_SECONDS = 14 * 86_400
_NEWEST_SECONDS = 2 * 3_600


@frozen
class GroupPage:
    groups: Sequence[LogGroup]
    token: str | None


@frozen
class StreamPage:
    streams: Sequence[LogStream]
    token: str | None


@frozen
class Rejected:
    """Indexes into the events of a PutLogEvents: those up to `too_old_end` and from `too_new_start`
    on were not kept."""

    too_old_end: int | None
    too_new_start: int | None


@dataclass(frozen=True, slots=True)
class ManageLogGroups:
    """`deleted` is called when something was deleted."""

    groups: LogGroups
    intake: LogIntake
    clock: Clock
    account: str
    region: str
    deleted: Callable[[], None]

    def arn(self, group_name: str) -> str:
        return f"arn:aws:logs:{self.region}:{self.account}:log-group:{group_name}"

    async def list_groups(
        self, *, prefix: str | None, infix: str | None, token: str | None, limit: int
    ) -> GroupPage:
        if prefix and infix:
            raise InvalidParameterValue(
                "LogGroup name prefix and LogGroup name pattern are mutually exclusive parameters."
            )
        found = await self.groups.groups(
            prefix=prefix or "",
            infix=infix or "",
            after=token_text(token) if token else "",
            limit=limit + 1,
        )
        shown = found[:limit]
        return GroupPage(shown, page_token(shown[-1].name) if len(found) > limit else None)

    async def list_streams(
        self,
        group_name: str,
        *,
        prefix: str | None,
        by_time: bool,
        descending: bool,
        token: str | None,
        limit: int,
    ) -> StreamPage:
        """By name, or by the time of the last line."""
        if by_time and prefix:
            raise InvalidParameterValue("Cannot order by LastEventTime with a logStreamNamePrefix.")
        group = await self.groups.group(group_name)
        if by_time:
            found = await self.groups.streams_by_time(
                group,
                after=token_time(token) if token else None,
                limit=limit + 1,
                descending=descending,
            )
            ends = [(stream.last_at or stream.created_at, stream.id) for stream in found[:limit]]
            return StreamPage(found[:limit], page_token(*ends[-1]) if len(found) > limit else None)
        found = await self.groups.streams(
            group,
            prefix=prefix or "",
            after=token_text(token) if token else None,
            limit=limit + 1,
            descending=descending,
        )
        shown = found[:limit]
        return StreamPage(shown, page_token(shown[-1].name) if len(found) > limit else None)

    async def create_group(self, name: str) -> None:
        await self.groups.create_group(check_group_name(name), self.clock.now())

    async def create_stream(self, group_name: str, name: str) -> None:
        group = await self.groups.group(group_name)
        await self.groups.create_stream(group, check_stream_name(name), self.clock.now())

    async def delete_group(self, name: str) -> None:
        await self.groups.delete_group(await self.groups.group(name), self.clock.now())
        self.deleted()

    async def delete_stream(self, group_name: str, name: str) -> None:
        group = await self.groups.group(group_name)
        stream = await self.groups.stream(group, name)
        await self.groups.delete_stream(stream, self.clock.now())
        self.deleted()

    async def set_retention(self, group_name: str, days: int | None) -> None:
        """None: what the service was told."""
        if days is not None and days not in RETENTION_DAYS:
            raise InvalidParameterValue(
                f"retentionInDays must be one of {', '.join(map(str, RETENTION_DAYS))}."
            )
        await self.groups.set_retention(await self.groups.group(group_name), days)

    async def check_group(self, name: str) -> None:
        """Raises ResourceNotFound."""
        await self.groups.group(name)

    async def put_events(
        self, group_name: str, stream_name: str, events: Sequence[tuple[Instant, bytes]]
    ) -> Rejected:
        """Keep lines that somebody else wrote, in chronological order."""
        group = await self.groups.group(group_name)
        stream = await self.groups.stream(group, stream_name)
        times = [at for at, _ in events]
        if times != sorted(times):
            raise InvalidParameterValue(
                "Log events in a single PutLogEvents request must be in chronological order."
            )
        if any(len(message) > MAX_MESSAGE_BYTES for _, message in events):
            raise InvalidParameterValue("Log event too large: a message has 1 MiB at most.")
        now = self.clock.now()
        oldest, newest = after(now, -_OLDEST_SECONDS), after(now, _NEWEST_SECONDS)
        old_end = sum(at < oldest for at in times)
        new_start = sum(at <= newest for at in times)
        lines = [LogLine(at, message) for at, message in events[old_end:new_start]]
        if lines:
            await self.intake.keep(LogBatch((LogChunk(group.name, stream.name, lines),)))
        return Rejected(old_end or None, new_start if new_start < len(events) else None)
