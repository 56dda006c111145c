"""Notices of closed children that wait for their parents."""

from __future__ import annotations

from typing import Protocol

from perdure_service.domain.execution import ParentLink


class NoticeStore(Protocol):
    async def drop(self, parent: ParentLink) -> None:
        """Delete a notice to a parent that is purged: nobody is left to hear it. It stays if the
        parent is still there. Raises Unavailable."""
        ...
