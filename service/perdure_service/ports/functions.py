"""Functions, their versions and their code."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol

from perdure_service.domain.functions import Alias, Function, FunctionVersion
from perdure_service.domain.ids import FunctionVersionId


class FunctionCatalogue(Protocol):
    """What can be invoked. Reads may be a second old, never of what this replica itself changed. A
    published version does not change.

    All methods raise Unavailable while Postgres cannot be reached.
    """

    async def resolve(self, name: str, version: str | None) -> FunctionVersion:
        """A version by its number; None means $LATEST. Raises ResourceNotFound."""
        ...

    async def alias(self, name: str, alias_name: str) -> Alias:
        """Raises ResourceNotFound."""
        ...

    async def function(self, name: str) -> Function:
        """Raises ResourceNotFound."""
        ...

    def remembered_function(self, name: str) -> Function | None:
        """The function as it was last read, however long ago; no I/O."""
        ...

    async def by_id(self, id_: FunctionVersionId) -> FunctionVersion:
        """Raises ResourceNotFound."""
        ...

    def fresh(self, id_: FunctionVersionId) -> FunctionVersion | None:
        """What `by_id` would answer without any I/O, None if it would have to read."""
        ...

    def remembered(self, id_: FunctionVersionId) -> FunctionVersion | None:
        """The version if it was read before, however long ago; no I/O."""
        ...

    async def refresh(self, ids: Collection[FunctionVersionId]) -> None:
        """Read those again, in one statement, that may have changed since they were read: what is
        `remembered` of them is true now. Ignores those that are gone."""
        ...

    async def create(self, version: FunctionVersion) -> FunctionVersion:
        """Add a function with its $LATEST. Raises ResourceConflict if the name is taken."""
        ...

    async def update_latest(self, version: FunctionVersion) -> FunctionVersion:
        """Replace the configuration of $LATEST, found by name; its id stays. Raises
        ResourceNotFound."""
        ...

    async def publish(self, name: str, description: str | None) -> FunctionVersion:
        """Freeze $LATEST as the next number. An unchanged $LATEST gives the newest version again.
        Raises ResourceNotFound."""
        ...

    async def list_latest(self, *, after: str, limit: int) -> list[FunctionVersion]:
        """$LATEST of the functions whose name sorts after `after`, by name."""
        ...

    async def list_versions(self, name: str) -> list[FunctionVersion]:
        """$LATEST first, then published ones, oldest first. Raises ResourceNotFound."""
        ...

    async def put_code(self, sha256: str, archive: bytes) -> None:
        """Store a zip under its hash; a repeat is harmless."""
        ...

    async def get_code(self, sha256: str) -> bytes:
        """Raises ResourceNotFound."""
        ...

    async def has_code(self, sha256: str) -> bool: ...
