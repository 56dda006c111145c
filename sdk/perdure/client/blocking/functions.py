"""`Client.functions`."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from perdure.client import programs
from perdure.client.blocking.runner import Runner
from perdure.client.code import Code, FunctionSettings
from perdure.client.requests import functions
from perdure.client.results.functions import Function, FunctionDetails


class Functions:
    """Functions and their versions. With a `revision_id`, a change is refused with
    PreconditionFailed if somebody else made one meanwhile."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def create(
        self,
        name: str,
        code: Code,
        settings: FunctionSettings,
        *,
        publish: bool = False,
        tags: Mapping[str, str] | None = None,
    ) -> Function:
        """Durable if its settings say so, then and for ever. Raises Conflict if it is there."""
        return self._runner.do(functions.create(name, code, settings, publish=publish, tags=tags))

    def update_code(
        self,
        name: str,
        code: Code,
        *,
        publish: bool = False,
        revision_id: str | None = None,
        dry_run: bool = False,
    ) -> Function:
        """Give it other code."""
        return self._runner.do(
            functions.update_code(
                name, code, publish=publish, revision_id=revision_id, dry_run=dry_run
            )
        )

    def update_settings(
        self, name: str, settings: FunctionSettings, *, revision_id: str | None = None
    ) -> Function:
        """Change the settings that are not None."""
        return self._runner.do(functions.update_settings(name, settings, revision_id=revision_id))

    def get(self, name: str, *, qualifier: str | None = None) -> FunctionDetails:
        """Its configuration, where its code is, its tags and its reserved concurrency."""
        return self._runner.do(functions.get(name, qualifier=qualifier))

    def configuration(self, name: str, *, qualifier: str | None = None) -> Function:
        """Of $LATEST, or of the version or alias that is named."""
        return self._runner.do(functions.configuration(name, qualifier=qualifier))

    def list(
        self, *, all_versions: bool = False, page_size: int | None = None
    ) -> Iterator[Function]:
        """By name; of all their versions on request."""
        return self._runner.pages(
            lambda marker: functions.list_page(
                all_versions=all_versions, page_size=page_size, marker=marker
            )
        )

    def versions(self, name: str, *, page_size: int | None = None) -> Iterator[Function]:
        """$LATEST, and all that were published."""
        return self._runner.pages(
            lambda marker: functions.versions_page(name, page_size=page_size, marker=marker)
        )

    def publish(
        self,
        name: str,
        *,
        description: str | None = None,
        code_sha256: str | None = None,
        revision_id: str | None = None,
    ) -> Function:
        """A version of what $LATEST is now; the newest one again if nothing has changed since."""
        return self._runner.do(
            functions.publish(
                name, description=description, code_sha256=code_sha256, revision_id=revision_id
            )
        )

    def delete(self, name: str, *, qualifier: str | None = None) -> None:
        """All of the function, or one version of it."""
        self._runner.do(functions.delete(name, qualifier=qualifier))

    def wait_until_ready(
        self, name: str, *, qualifier: str | None = None, timeout_seconds: float = 300.0
    ) -> Function:
        """Once it is neither being created nor being changed. Raises NotReady if that fails, or
        takes longer than `timeout_seconds`."""
        return self._runner.run(
            programs.wait_until_ready(
                name,
                qualifier,
                self._runner.persistence,
                timeout_seconds=timeout_seconds,
                clock=time.monotonic,
            )
        )

    def reserve_concurrency(self, name: str, invocations: int) -> None:
        """At most so many invocations at a time, on all workers together; 0 stops them."""
        self._runner.do(functions.reserve_concurrency(name, invocations))

    def reserved_concurrency(self, name: str) -> int | None:
        """None if nothing limits it."""
        return self._runner.do(functions.reserved_concurrency(name))

    def release_concurrency(self, name: str) -> None:
        """Limit it no more."""
        self._runner.do(functions.release_concurrency(name))

    def tag(self, arn: str, tags: Mapping[str, str]) -> None:
        """Set tags, by the function's unqualified ARN."""
        self._runner.do(functions.tag(arn, tags))

    def untag(self, arn: str, *keys: str) -> None:
        """Take tags away by their keys."""
        self._runner.do(functions.untag(arn, keys))

    def tags(self, arn: str) -> Mapping[str, str]:
        """Of the function's unqualified ARN."""
        return self._runner.do(functions.tags(arn))
