"""`AsyncClient.functions`."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping

from perdure.client import programs
from perdure.client.asynchronous.runner import AsyncRunner
from perdure.client.code import Code, FunctionSettings
from perdure.client.requests import functions
from perdure.client.results.functions import Function, FunctionDetails


class AsyncFunctions:
    """Functions and their versions. With a `revision_id`, a change is refused with
    PreconditionFailed if somebody else made one meanwhile."""

    def __init__(self, runner: AsyncRunner) -> None:
        self._runner = runner

    async def create(
        self,
        name: str,
        code: Code,
        settings: FunctionSettings,
        *,
        publish: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> Function:
        """Durable if its settings say so, then and for ever. Raises Conflict if it is there."""
        return await self._runner.do(
            functions.create(name, code, settings, publish=publish, tags=tags)
        )

    async def update_code(
        self,
        name: str,
        code: Code,
        *,
        publish: bool = False,
        revision_id: str | None = None,
        dry_run: bool = False,
    ) -> Function:
        """Give it other code."""
        return await self._runner.do(
            functions.update_code(
                name, code, publish=publish, revision_id=revision_id, dry_run=dry_run
            )
        )

    async def update_settings(
        self, name: str, settings: FunctionSettings, *, revision_id: str | None = None
    ) -> Function:
        """Change the settings that are not None."""
        return await self._runner.do(
            functions.update_settings(name, settings, revision_id=revision_id)
        )

    async def get(self, name: str, *, qualifier: str | None = None) -> FunctionDetails:
        """Its configuration, where its code is, its tags and its reserved concurrency."""
        return await self._runner.do(functions.get(name, qualifier=qualifier))

    async def configuration(self, name: str, *, qualifier: str | None = None) -> Function:
        """Of $LATEST, or of the version or alias that is named."""
        return await self._runner.do(functions.configuration(name, qualifier=qualifier))

    def list(
        self, *, all_versions: bool = False, page_size: int | None = None
    ) -> AsyncIterator[Function]:
        """By name; of all their versions on request."""
        return self._runner.pages(
            lambda marker: functions.list_page(
                all_versions=all_versions, page_size=page_size, marker=marker
            )
        )

    def versions(self, name: str, *, page_size: int | None = None) -> AsyncIterator[Function]:
        """$LATEST, and all that were published."""
        return self._runner.pages(
            lambda marker: functions.versions_page(name, page_size=page_size, marker=marker)
        )

    async def publish(
        self,
        name: str,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> Function:
        """A version of what $LATEST is now; the newest one again if nothing has changed since."""
        return await self._runner.do(
            functions.publish(
                name, description=description, code_sha256=code_sha256, revision_id=revision_id
            )
        )

    async def delete(self, name: str, *, qualifier: str | None = None) -> None:
        """All of the function, or one version of it."""
        await self._runner.do(functions.delete(name, qualifier=qualifier))

    async def wait_until_ready(
        self, name: str, *, qualifier: str | None = None, timeout_seconds: float = 300.0
    ) -> Function:
        """Once it is neither being created nor being changed. Raises NotReady if that fails, or
        takes longer than `timeout_seconds`."""
        return await self._runner.run(
            programs.wait_until_ready(
                name,
                qualifier,
                self._runner.persistence,
                timeout_seconds=timeout_seconds,
                clock=time.monotonic,
            )
        )

    async def reserve_concurrency(self, name: str, invocations: int) -> None:
        """At most so many invocations at a time, on all workers together; 0 stops them."""
        await self._runner.do(functions.reserve_concurrency(name, invocations))

    async def reserved_concurrency(self, name: str) -> int | None:
        """None if nothing limits it."""
        return await self._runner.do(functions.reserved_concurrency(name))

    async def release_concurrency(self, name: str) -> None:
        """Limit it no more."""
        await self._runner.do(functions.release_concurrency(name))

    async def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags, by the function's unqualified ARN."""
        await self._runner.do(functions.tag(arn, tags))

    async def untag(self, arn: str, *keys: str) -> None:
        """Take tags away by their keys."""
        await self._runner.do(functions.untag(arn, keys))

    async def tags(self, arn: str) -> Mapping[str, str]:
        """Of the function's unqualified ARN."""
        return await self._runner.do(functions.tags(arn))
