"""Where functions' logs are kept. Methods raise Unavailable while Postgres cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from perdure_service.domain.frozen import frozen
from perdure_service.domain.function_logs import LogBatch, LogChunk, LogGroup, LogLine, LogStream
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.domain.instant import Instant


@frozen
class Place:
    """Where a line stands among those of its group by time."""

    at: Instant
    id: int


@frozen
class KeptLine:
    """A line with its stream. `id` grows in the order in which lines became visible."""

    id: int
    group: str
    stream: str
    line: LogLine
    ingested_at: Instant

    @property
    def place(self) -> Place:
        return Place(self.line.at, self.id)


@frozen
class Sought:
    """Whose lines; what is None does not matter. `stream_infix` is within their stream's name."""

    group: LogGroup | None = None
    stream_infix: str | None = None
    execution_id: ExecutionId | None = None
    request_id: InvocationId | None = None
    operation_id: str | None = None


@frozen
class Purged:
    """What a pass has thrown away. `over_size` are the groups that were too large."""

    lines: int
    over_size: Sequence[str]
    is_more: bool


class LogIntake(Protocol):
    @property
    def news(self) -> asyncio.Event:
        """Set once this replica has stored something more; a new one from then on."""
        ...

    async def keep(self, batch: LogBatch) -> None:
        """Returns once it is stored. A batch that was stored before is dropped silently. Raises
        Unavailable, also if too much waits: nothing is stored then, or it is not known."""
        ...

    def write(self, chunk: LogChunk) -> None:
        """Keep it sometime soon. Dropped if too much waits, or while Postgres is away."""
        ...


class LogReader(Protocol):
    """Lines of deleted groups and streams are not shown. Fewer than `limit` come if they are large:
    about a mebibyte, and one at least. None at all are at the end."""

    async def by_time(
        self,
        group: LogGroup,
        *,
        start: Place,
        end: Instant | None,
        streams: Sequence[int] | None,
        limit: int,
    ) -> list[KeptLine]:
        """From `start` on, before `end`, by time; of all streams for None."""
        ...

    async def of_stream(
        self,
        group: LogGroup,
        stream: LogStream,
        *,
        start: Place,
        end: Place,
        newest: bool,
        limit: int,
    ) -> list[KeptLine]:
        """From `start` on, before `end`, by time: the first ones, or the `newest`."""
        ...

    async def arrived(
        self, sought: Sought, *, after: int, limit: int, newest: bool
    ) -> list[KeptLine]:
        """Lines after the id `after` in the order in which they became visible, none left out: the
        first ones, or the `newest`."""
        ...


class LogGroups(Protocol):
    """Groups and streams. Whoever names one that is not there gets ResourceNotFound."""

    async def group(self, name: str) -> LogGroup: ...

    async def find_group(self, name: str) -> LogGroup | None: ...

    async def groups(self, *, prefix: str, infix: str, after: str, limit: int) -> list[LogGroup]:
        """By name."""
        ...

    async def stream(self, group: LogGroup, name: str) -> LogStream: ...

    async def streams(
        self,
        group: LogGroup,
        *,
        prefix: str,
        after: str | None,
        limit: int,
        descending: bool = False,
    ) -> list[LogStream]:
        """By name."""
        ...

    async def streams_by_time(
        self, group: LogGroup, *, after: tuple[Instant, int] | None, limit: int, descending: bool
    ) -> list[LogStream]:
        """By their last line."""
        ...

    async def named_streams(self, group: LogGroup, names: Sequence[str]) -> list[LogStream]: ...

    async def create_group(self, name: str, now: Instant) -> None:
        """Raises ResourceConflict if it is there."""
        ...

    async def create_stream(self, group: LogGroup, name: str, now: Instant) -> None:
        """Raises ResourceConflict if it is there."""
        ...

    async def set_retention(self, group: LogGroup, days: int | None) -> None: ...

    async def delete_group(self, group: LogGroup, now: Instant) -> None:
        """It is gone at once; its lines are thrown away later."""
        ...

    async def delete_stream(self, stream: LogStream, now: Instant) -> None: ...


class LogGraveyard(Protocol):
    async def purge(self, now: Instant, *, default_days: int, max_group_bytes: int) -> Purged:
        """Throw away one batch: what was deleted, what is past its group's retention, and the
        oldest lines of groups that are too large."""
        ...
