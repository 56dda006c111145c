"""Log groups and their streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perdure_service.domain.errors import ResourceConflict, ResourceNotFound
from perdure_service.domain.function_logs import LogGroup, LogStream
from perdure_service.domain.instant import Instant
from perdure_service.postgres.arrays import OneInstant, Texts
from perdure_service.postgres.reading import ReadPool

_GROUP = "SELECT id, name, created_at, retention_days, stored_bytes FROM log_group"
_LIVE_GROUP = f"{_GROUP} WHERE account = %(account)s AND deleted_at IS NULL"
_ONE_GROUP = f"{_LIVE_GROUP} AND name = %(name)s"
_GROUPS = (
    f"{_LIVE_GROUP} AND starts_with(name, %(prefix)s) AND strpos(name, %(infix)s) > 0"
    ' AND name COLLATE "C" > %(after)s ORDER BY name COLLATE "C" LIMIT %(limit)s'
)
_STREAM = (
    "SELECT id, name, created_at, first_at, last_at, ingested_at, stored_bytes FROM log_stream"
    " WHERE group_id = %(group)s AND deleted_at IS NULL"
)
_ONE_STREAM = f"{_STREAM} AND name = %(name)s"
_NAMED_STREAMS = f"{_STREAM} AND name = ANY(%(names)s)"
_BY_NAME = (
    f"{_STREAM} AND starts_with(name, %(prefix)s)"
    ' AND name COLLATE "C" {than} %(after)s ORDER BY name COLLATE "C" {order} LIMIT %(limit)s'
)
_FIRST_BY_NAME = _BY_NAME.format(than=">", order="ASC")
_LAST_BY_NAME = _BY_NAME.format(than="<", order="DESC")
_BY_TIME = (
    f"{_STREAM} AND (coalesce(last_at, created_at), id) {{than}} (%(at)s, %(id)s)"
    " ORDER BY coalesce(last_at, created_at) {order}, id {order} LIMIT %(limit)s"
)
_NEWEST_FIRST = _BY_TIME.format(than="<", order="DESC")
_OLDEST_FIRST = _BY_TIME.format(than=">", order="ASC")
_CREATE_GROUP = """
INSERT INTO log_group (account, name, created_at) VALUES (%(account)s, %(name)s, %(now)s)
    ON CONFLICT (account, name) WHERE deleted_at IS NULL DO NOTHING"""
_CREATE_STREAM = """
INSERT INTO log_stream (group_id, name, created_at) VALUES (%(group)s, %(name)s, %(now)s)
    ON CONFLICT (group_id, name) WHERE deleted_at IS NULL DO NOTHING"""
_SET_RETENTION = "UPDATE log_group SET retention_days = %(days)s WHERE id = %(id)s"
_DELETE_GROUP = "UPDATE log_group SET deleted_at = %(now)s WHERE id = %(id)s"
_DELETE_STREAM = "UPDATE log_stream SET deleted_at = %(now)s WHERE id = %(id)s"

_NO_GROUP = "The specified log group does not exist."
_NO_STREAM = "The specified log stream does not exist."
_FIRST = Instant(0)
_LAST = Instant(253_402_300_799_000_000)
"""The end of the year 9999."""
_LARGEST_ID = 2**63 - 1
_LAST_NAME = "\U0010ffff"


class PostgresLogGroups:
    """Implements `ports.function_logs.LogGroups`."""

    def __init__(self, pool: ReadPool, account: str) -> None:
        self._pool = pool
        self._account = account

    async def group(self, name: str) -> LogGroup:
        group = await self.find_group(name)
        if group is None:
            raise ResourceNotFound(_NO_GROUP)
        return group

    async def find_group(self, name: str) -> LogGroup | None:
        rows = await self._rows(_ONE_GROUP, {"account": self._account, "name": name})
        return LogGroup(*rows[0]) if rows else None

    async def groups(self, *, prefix: str, infix: str, after: str, limit: int) -> list[LogGroup]:
        given = {"account": self._account, "prefix": prefix, "infix": infix}
        rows = await self._rows(_GROUPS, {**given, "after": after, "limit": limit})
        return [LogGroup(*row) for row in rows]

    async def stream(self, group: LogGroup, name: str) -> LogStream:
        rows = await self._rows(_ONE_STREAM, {"group": group.id, "name": name})
        if not rows:
            raise ResourceNotFound(_NO_STREAM)
        return LogStream(*rows[0])

    async def streams(
        self,
        group: LogGroup,
        *,
        prefix: str,
        after: str | None,
        limit: int,
        descending: bool = False,
    ) -> list[LogStream]:
        if after is None:
            after = _LAST_NAME if descending else ""
        query = _LAST_BY_NAME if descending else _FIRST_BY_NAME
        given = {"group": group.id, "prefix": prefix, "after": after, "limit": limit}
        return [LogStream(*row) for row in await self._rows(query, given)]

    async def streams_by_time(
        self, group: LogGroup, *, after: tuple[Instant, int] | None, limit: int, descending: bool
    ) -> list[LogStream]:
        at, id_ = after or ((_LAST, _LARGEST_ID) if descending else (_FIRST, 0))
        query = _NEWEST_FIRST if descending else _OLDEST_FIRST
        given = {"group": group.id, "at": OneInstant(at), "id": id_, "limit": limit}
        return [LogStream(*row) for row in await self._rows(query, given)]

    async def named_streams(self, group: LogGroup, names: Sequence[str]) -> list[LogStream]:
        given = {"group": group.id, "names": Texts(names)}
        return [LogStream(*row) for row in await self._rows(_NAMED_STREAMS, given)]

    async def create_group(self, name: str, now: Instant) -> None:
        given = {"account": self._account, "name": name, "now": OneInstant(now)}
        if not await self._change(_CREATE_GROUP, given):
            raise ResourceConflict("The specified log group already exists")

    async def create_stream(self, group: LogGroup, name: str, now: Instant) -> None:
        given = {"group": group.id, "name": name, "now": OneInstant(now)}
        if not await self._change(_CREATE_STREAM, given):
            raise ResourceConflict("The specified log stream already exists")

    async def set_retention(self, group: LogGroup, days: int | None) -> None:
        await self._change(_SET_RETENTION, {"id": group.id, "days": days})

    async def delete_group(self, group: LogGroup, now: Instant) -> None:
        await self._change(_DELETE_GROUP, {"id": group.id, "now": OneInstant(now)})

    async def delete_stream(self, stream: LogStream, now: Instant) -> None:
        await self._change(_DELETE_STREAM, {"id": stream.id, "now": OneInstant(now)})

    async def _rows(self, query: str, given: Mapping[str, Any]) -> list[tuple[Any, ...]]:
        async with self._pool.connection() as connection:
            return await (await connection.execute(query, given, binary=True)).fetchall()

    async def _change(self, query: str, given: Mapping[str, Any]) -> int:
        async with self._pool.connection() as connection:
            return (await connection.execute(query, given)).rowcount
