"""`AsyncClient.aliases`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping

from perdure.client.asynchronous.runner import AsyncRunner
from perdure.client.requests import aliases
from perdure.client.results.functions import Alias


class AsyncAliases:
    """Names for versions of a function, to invoke them by. `weights` shares starts with other
    versions."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def create(
        self,
        function: str,
        name: str,
        version: str,
        *,
        description: str | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> Alias:
        """Let a new alias lead to a version."""
        return await self._runner.do(
            aliases.create(function, name, version, description=description, weights=weights)
        )

    async def update(
        self,
        function: str,
        name: str,
        *,
        version: str | None = None,
        description: str | None = None,
        weights: Mapping[str, float] | None = None,
        revision_id: str | None = None,
    ) -> Alias:
        """Change what is given. Empty `weights` send everything to the alias's own version."""
        return await self._runner.do(
            aliases.update(
                function,
                name,
                version=version,
                description=description,
                weights=weights,
                revision_id=revision_id,
            )
        )

    async def get(self, function: str, name: str) -> Alias:
        """One alias."""
        return await self._runner.do(aliases.get(function, name))

    def list(
        self, function: str, *, version: str | None = None, page_size: int | None = None
    ) -> AsyncIterator[Alias]:
        """Of a function, or of one version of it."""
        return self._runner.pages(
            lambda marker: aliases.list_page(
                function, version=version, page_size=page_size, marker=marker
            )
        )

    async def delete(self, function: str, name: str) -> None:
        """An alias that is not there is deleted already."""
        await self._runner.do(aliases.delete(function, name))
