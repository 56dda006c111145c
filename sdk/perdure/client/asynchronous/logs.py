"""`AsyncClient.logs`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from perdure.client.asynchronous.runner import AsyncRunner
from perdure.client.requests import logs
from perdure.client.results.logs import LogEvent, LogGroup, LogLines


class AsyncLogs:
    """What functions have written, by the CloudWatch Logs API."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    def events(
        self,
        function: str,
        *,
        group: str | None = None,
        streams: Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        pattern: str | None = None,
        page_size: int | None = None,
    ) -> AsyncIterator[LogEvent]:
        """Of one function, oldest first. `group` is its log group, if its `logging` names another
        than the usual one; `pattern` is a filter pattern of CloudWatch Logs."""
        return self._runner.pages(
            lambda marker: logs.events_page(
                group or logs.group_of(function),
                streams=streams,
                since=since,
                until=until,
                pattern=pattern,
                page_size=page_size,
                marker=marker,
            )
        )

    async def lines(
        self,
        of: str,
        *,
        after: str | None = None,
        newest: bool = False,
        limit: int | None = None,
        wait_seconds: float = 0.0,
    ) -> LogLines:
        """Of a function, or with an execution's ARN of that execution: what came `after` a cursor,
        waiting for the first line. Only Perdure has these."""
        return await self._runner.do(
            logs.lines(of, after=after, newest=newest, limit=limit, wait_seconds=wait_seconds)
        )

    def groups(
        self, *, prefix: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[LogGroup]:
        """The groups that are there, by the start of their name."""
        return self._runner.pages(
            lambda marker: logs.groups_page(prefix=prefix, page_size=page_size, marker=marker)
        )

    async def keep_for(self, function: str, days: int) -> None:
        """Throw away what is older than so many days."""
        await self._runner.do(logs.keep_for(logs.group_of(function), days))

    async def delete(self, function: str) -> None:
        """All that it has written."""
        await self._runner.do(logs.delete_group(logs.group_of(function)))
