"""Test events that people saved."""

from __future__ import annotations

from typing import Protocol

from perdure_service.domain.test_events import SavedEvent


class TestEvents(Protocol):
    """By function and name; they are deleted with the function. All methods raise Unavailable."""

    async def list_events(self, function_name: str) -> list[SavedEvent]:
        """By name."""
        ...

    async def get(self, function_name: str, name: str) -> SavedEvent | None: ...

    async def put(self, function_name: str, event: SavedEvent, *, at_most: int) -> None:
        """Add it, or replace the one of its name. Raises ResourceNotFound if there is no such
        function, ResourceConflict if it has `at_most` others already."""
        ...

    async def delete(self, function_name: str, name: str) -> bool:
        """Whether there was one."""
        ...
