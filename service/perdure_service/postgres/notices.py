"""Notices that nobody is left to hear."""

from __future__ import annotations

from perdure_service.domain.execution import ParentLink
from perdure_service.domain.ids import part_of
from perdure_service.postgres.reading import ReadPool

_DROP = """
DELETE FROM notice n WHERE (part, parent_id, operation_id) = (%s, %s, %s)
   AND NOT EXISTS (SELECT FROM execution e WHERE (e.part, e.id) = (n.part, n.parent_id))"""


class PostgresNotices:
    """Implements `ports.notices.NoticeStore`."""

    def __init__(self, pool: ReadPool) -> None:
        self._pool = pool

    async def drop(self, parent: ParentLink) -> None:
        id_ = parent.execution_id
        async with self._pool.connection() as connection:
            await connection.execute(_DROP, (part_of(id_), id_, parent.operation_id))
