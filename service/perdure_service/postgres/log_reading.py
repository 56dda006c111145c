"""Reading lines: of a group by time, of a stream in both directions, or as they arrived."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from perdure_service.domain.function_logs import LogGroup, LogLine, LogStream
from perdure_service.domain.instant import Instant
from perdure_service.ports.function_logs import KeptLine, Place, Sought
from perdure_service.postgres.arrays import Int8s, OneInstant
from perdure_service.postgres.reading import ReadPool

MAX_BYTES = 1_048_576

LINES = """
SELECT * FROM (
  SELECT l.id, g.name AS group_name, s.name AS stream_name, l.at, l.message, l.request_id,
         l.execution_id, l.operation_id, l.ingested_at, row_number() OVER in_order AS place,
         sum(octet_length(l.message)) OVER in_order AS size
    FROM log_line l
    JOIN log_stream s ON s.id = l.stream_id AND s.deleted_at IS NULL
    JOIN log_group g ON g.id = l.group_id AND g.deleted_at IS NULL
   WHERE {where}
  WINDOW in_order AS (ORDER BY {order} ROWS UNBOUNDED PRECEDING)
   ORDER BY {order} LIMIT %(limit)s) AS sized
 WHERE place = 1 OR size <= %(max_bytes)s ORDER BY place"""
"""The sizes are known without reading what is stored out of line."""

_FROM_START = "(l.at, l.id) >= (%(at)s, %(id)s)"
_UNTIL_END = "(l.at, l.id) < (%(end_at)s, %(end_id)s)"
_BY_TIME = "l.at, l.id"
_NEWEST = "l.at DESC, l.id DESC"


class PostgresLogReader:
    """Implements `ports.function_logs.LogReader`."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def by_time(
        self,
        group: LogGroup,
        *,
        start: Place,
        end: Instant | None,
        streams: Sequence[int] | None,
        limit: int,
    ) -> list[KeptLine]:
        where = ["l.group_id = %(group)s", _FROM_START]
        given: dict[str, Any] = {"group": group.id, **_from(start), "limit": limit}
        if end is not None:
            where.append("l.at < %(end)s")
            given["end"] = OneInstant(end)
        if streams is not None:
            where.append("l.stream_id = ANY(%(streams)s)")
            given["streams"] = Int8s(streams)
        return await self._lines(where, _BY_TIME, given)

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
        where = ["l.stream_id = %(stream)s", _FROM_START, _UNTIL_END]
        given = {"stream": stream.id, **_from(start), "limit": limit}
        given |= {"end_at": OneInstant(end.at), "end_id": end.id}
        lines = await self._lines(where, _NEWEST if newest else _BY_TIME, given)
        return lines[::-1] if newest else lines

    async def arrived(
        self, sought: Sought, *, after: int, limit: int, newest: bool
    ) -> list[KeptLine]:
        where = ["l.id > %(after)s"]
        given: dict[str, Any] = {"after": after, "limit": limit}
        for column, value in (
            ("group_id", sought.group.id if sought.group else None),
            ("execution_id", sought.execution_id),
            ("request_id", sought.request_id),
            ("operation_id", sought.operation_id),
        ):
            if value is not None:
                where.append(f"l.{column} = %({column})s")
                given[column] = value
        if sought.stream_infix is not None:
            where.append("strpos(s.name, %(infix)s) > 0")
            given["infix"] = sought.stream_infix
        lines = await self._lines(where, "l.id DESC" if newest else "l.id", given)
        return lines[::-1] if newest else lines

    async def _lines(
        self, where: Sequence[str], order: str, given: Mapping[str, Any]
    ) -> list[KeptLine]:
        query = LINES.format(where=" AND ".join(where), order=order)
        async with self._pool.connection() as connection:
            cursor = await connection.execute(query, {**given, "max_bytes": MAX_BYTES}, binary=True)
            rows = await cursor.fetchall()
        return [_line(row) for row in rows]


def _from(start: Place) -> dict[str, Any]:
    return {"at": OneInstant(start.at), "id": start.id}


def _line(row: Sequence[Any]) -> KeptLine:
    id_, group, stream, at, message, request_id, execution_id, operation_id, ingested_at, *_ = row
    line = LogLine(at, bytes(message), request_id, execution_id, operation_id)
    return KeptLine(id_, group, stream, line, ingested_at)
