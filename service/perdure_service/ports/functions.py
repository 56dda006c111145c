"""Functions, their versions and their aliases."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Protocol

from perdure_service.domain.code_archive import CodeArchive
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import Alias, Function, FunctionVersion
from perdure_service.domain.ids import FunctionVersionId

ChangeVersion = Callable[[FunctionVersion], FunctionVersion]
"""From $LATEST as it is to as it shall be. Pure: it runs while the function is locked. What it
raises is raised, and nothing is written."""


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


@frozen
class AccountUsage:
    function_count: int
    code_bytes: int
    reserved_concurrency: int


class FunctionStore(Protocol):
    """What can be invoked, to be changed. Changes of one function happen in turn.

    All methods raise ResourceNotFound unless they create, and Unavailable while Postgres cannot be
    reached.
    """

    async def create(
        self,
        version: FunctionVersion,
        *,
        code: CodeArchive | None = None,
        tags: Mapping[str, str] | None = None,
        publish: bool = False,
    ) -> FunctionVersion:
        """Add a function with its $LATEST, which is answered, or version 1. Raises
        ResourceConflict if the name is taken."""
        ...

    async def change_latest(
        self,
        name: str,
        change: ChangeVersion,
        *,
        code: CodeArchive | None = None,
        publish: bool = False,
    ) -> FunctionVersion:
        """Replace the configuration of $LATEST, keeping its id, with `code` stored before. What is
        the same gets no new revision."""
        ...

    async def publish(
        self, name: str, check: Callable[[FunctionVersion, bool], str | None]
    ) -> FunctionVersion:
        """Freeze $LATEST as the next number, under the description that `check` answers; None keeps
        that of $LATEST. `check` is told whether the code is stored, and may raise. An unchanged
        $LATEST gives the newest version again."""
        ...

    async def delete(self, name: str) -> None:
        """With all its versions, aliases and test events. Its open executions are left to whoever
        works off `DeletedVersions`."""
        ...

    async def delete_version(self, name: str, number: str) -> None:
        """Raises ResourceConflict if an alias points at it."""
        ...

    async def list_latest(self, *, after: str, limit: int) -> list[FunctionVersion]:
        """$LATEST of the functions whose name sorts after `after`, by name."""
        ...

    async def list_versions(self, name: str) -> list[FunctionVersion]:
        """$LATEST first, then published ones, oldest first."""
        ...

    async def reserve_concurrency(self, name: str, limit: int | None) -> None:
        """None takes the limit away."""
        ...

    async def change_tags(
        self, name: str, change: Callable[[Mapping[str, str]], Mapping[str, str]]
    ) -> None: ...

    async def usage(self) -> AccountUsage: ...


class AliasStore(Protocol):
    """All methods raise ResourceNotFound for the function, the alias or a version that does not
    exist, and Unavailable."""

    async def create(self, alias: Alias) -> Alias:
        """Raises ResourceConflict if the name is taken."""
        ...

    async def change(self, name: str, alias_name: str, change: Callable[[Alias], Alias]) -> Alias:
        """`change` is pure, and may raise."""
        ...

    async def delete(self, name: str, alias_name: str) -> None:
        """Does nothing if there is no such alias."""
        ...

    async def list_aliases(self, name: str) -> list[Alias]:
        """By name."""
        ...
