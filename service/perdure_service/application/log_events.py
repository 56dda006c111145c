"""Reading log events as CloudWatch Logs has it: a stream in both directions, a group by filter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from perdure_service.application.log_tokens import (
    boundary_token,
    page_token,
    parse_boundary,
    token_time,
)
from perdure_service.domain.errors import InvalidParameterValue, ResourceNotFound
from perdure_service.domain.frozen import frozen
from perdure_service.domain.function_logs import LogGroup
from perdure_service.domain.instant import Instant
from perdure_service.domain.log_filter import parse_filter
from perdure_service.ports.function_logs import KeptLine, LogGroups, LogReader, Place

_PAGE_BYTES = 1_048_576
_SCANNED_AT_ONCE = 500
_SCANNED_LINES = 5_000
"""A page ends here even if little has matched: its token goes on."""
_MAX_STREAMS = 100
_FIRST = Place(Instant(0), 0)
_LAST = Place(Instant(253_402_300_799_999_999), 0)


@frozen
class Window:
    """From `start` on, before `end`."""

    start: Instant | None = None
    end: Instant | None = None


@frozen
class EventsPage:
    """At an end, a token is the one that was given: call again later."""

    lines: Sequence[KeptLine]
    forward_token: str
    backward_token: str


@frozen
class FilteredPage:
    lines: Sequence[KeptLine]
    token: str | None


@dataclass(frozen=True, slots=True)
class ReadLogEvents:
    reader: LogReader
    groups: LogGroups

    async def of_stream(
        self,
        group_name: str,
        stream_name: str,
        window: Window,
        *,
        token: str | None,
        from_head: bool,
        limit: int,
    ) -> EventsPage:
        """Raises ResourceNotFound. Without a token the newest page, unless `from_head`."""
        group = await self.groups.group(group_name)
        stream = await self.groups.stream(group, stream_name)
        start = _FIRST if window.start is None else Place(window.start, 0)
        end = _LAST if window.end is None else Place(window.end, 0)
        forward = from_head
        if token is not None:
            forward, boundary = parse_boundary(token)
            start, end = (
                (max(start, boundary, key=_key), end)
                if forward
                else (
                    start,
                    min(end, boundary, key=_key),
                )
            )
        lines = await self.reader.of_stream(
            group, stream, start=start, end=end, newest=not forward, limit=limit
        )
        if not lines:
            # Nothing is on that side; what is on the other one begins at the same boundary.
            here = start if forward or token is None else end
            ahead, back = boundary_token(True, here), boundary_token(False, here)
            return EventsPage(
                (),
                token if token is not None and forward else ahead,
                token if token is not None and not forward else back,
            )
        first, last = lines[0].place, lines[-1].place
        return EventsPage(
            lines,
            boundary_token(True, Place(last.at, last.id + 1)),
            boundary_token(False, first),
        )

    async def matching(
        self,
        group_name: str,
        window: Window,
        *,
        streams: Sequence[str] | None,
        stream_prefix: str | None,
        pattern: str,
        token: str | None,
        limit: int,
    ) -> FilteredPage:
        """Raises ResourceNotFound, and InvalidParameterValue for a pattern that is none."""
        matches = parse_filter(pattern)
        group = await self.groups.group(group_name)
        stream_ids = await self._stream_ids(group, streams, stream_prefix)
        start = Place(window.start or Instant(0), 0)
        if token is not None:
            start = Place(*token_time(token))
        found: list[KeptLine] = []
        size, scanned = 0, 0
        while scanned < _SCANNED_LINES:
            lines = await self.reader.by_time(
                group, start=start, end=window.end, streams=stream_ids, limit=_SCANNED_AT_ONCE
            )
            for line in lines:
                start = Place(line.line.at, line.id + 1)
                if not matches(line.line.message.decode("utf-8", "replace")):
                    continue
                found.append(line)
                size += len(line.line.message)
                if len(found) == limit or size >= _PAGE_BYTES:
                    return FilteredPage(found, page_token(start.at, start.id))
            if not lines:
                return FilteredPage(found, None)
            scanned += len(lines)
            await asyncio.sleep(0)  # a long search shares the loop
        return FilteredPage(found, page_token(start.at, start.id))

    async def _stream_ids(
        self, group: LogGroup, names: Sequence[str] | None, prefix: str | None
    ) -> list[int] | None:
        if names and prefix:
            raise InvalidParameterValue(
                "logStreamNames and logStreamNamePrefix cannot be given together."
            )
        if names:
            streams = await self.groups.named_streams(group, names)
            if len(streams) < len(frozenset(names)):
                raise ResourceNotFound("The specified log stream does not exist.")
            return [stream.id for stream in streams]
        if not prefix:
            return None
        streams = await self.groups.streams(
            group, prefix=prefix, after=None, limit=_MAX_STREAMS + 1
        )
        if len(streams) > _MAX_STREAMS:
            raise InvalidParameterValue(
                f"More than {_MAX_STREAMS} streams begin with '{prefix}': give a longer prefix."
            )
        return [stream.id for stream in streams]


def _key(place: Place) -> tuple[Instant, int]:
    return place.at, place.id
