"""Making a function what it shall be, step by step; who comes between is noticed."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from perdure.cli.deploy.changes import (
    Change,
    settings_of_new,
    settings_to_change,
    told_changes,
)
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.cli.deploy.target import Target
from perdure.client import (
    Alias,
    Client,
    Conflict,
    DurableConfig,
    Function,
    ImageCode,
    NotFound,
    PreconditionFailed,
    ZipCode,
)
from perdure.worker.code import PackedCode

NEW_DURABLE: Final = DurableConfig(execution_timeout_seconds=86_400, retention_days=14)


@dataclass(frozen=True, slots=True)
class Rollout:
    """What came of it. `version` is the one that was published, or found unchanged."""

    function: Function
    created: bool
    changes: tuple[Change, ...]
    version: str | None = None
    alias: str | None = None


def roll_out(
    client: Client, target: Target, code: PackedCode | None, tell: Callable[[str], None]
) -> Rollout:
    """Create or change the function, publish, move the alias. Each change is told when it is made.
    Raises ClientError, CannotDeploy; what was done before that stays, and deploying again goes on
    from there."""
    try:
        return _Rolling(client, target, code, tell).run()
    except PreconditionFailed as error:
        raise CannotDeploy(
            f"Somebody else changed {target.name} meanwhile. Look at it, and deploy again."
        ) from error


class _Rolling:
    def __init__(
        self, client: Client, target: Target, code: PackedCode | None, tell: Callable[[str], None]
    ) -> None:
        self._client = client
        self._target = target
        self._code = code
        self._tell = tell
        self._changes: list[Change] = []

    def run(self) -> Rollout:
        existing = self._existing()
        function = self._create() if existing is None else self._update(existing)
        self._reserve()
        version = self._publish(function) if self._target.publish or self._target.alias else None
        if self._target.alias is not None and version is not None:
            self._lead(self._target.alias, version)
        created = existing is None
        return Rollout(function, created, tuple(self._changes), version, self._target.alias)

    def _existing(self) -> Function | None:
        try:
            return self._client.functions.configuration(self._target.name)
        except NotFound:
            return None

    def _create(self) -> Function:
        target = self._target
        settings = settings_of_new(target, NEW_DURABLE)
        try:
            made = self._client.functions.create(
                target.name, self._content(), settings, tags=target.tags or None
            )
        except Conflict as error:
            raise CannotDeploy(f"Somebody else made {target.name} meanwhile: deploy again.") from (
                error
            )
        self._note(Change("created", None, made.arn))
        for change in told_changes(None, settings):
            self._note(change)
        self._note_code(None, made)
        return self._client.functions.wait_until_ready(target.name)

    def _update(self, existing: Function) -> Function:
        target = self._target
        function = self._settled(existing)
        if (function.package_type == "Image") != (target.image is not None):
            raise CannotDeploy(
                f"{target.name} is a function of kind {function.package_type}, for good: delete it "
                "first, or give another --name."
            )
        settings = settings_to_change(function, target)
        changes = list(told_changes(function, settings))
        if changes:
            changed = self._client.functions.update_settings(
                target.name, settings, revision_id=function.revision_id
            )
            for change in changes:
                self._note(change)
            function = self._settled(changed)
        if self._has_new_code(function):
            changed = self._client.functions.update_code(
                target.name, self._content(), revision_id=function.revision_id
            )
            before, function = function, self._settled(changed)
            self._note_code(before, function)
        if target.tags:
            self._client.functions.tag(function.arn, target.tags)
        return function

    def _settled(self, changed: Function) -> Function:
        """A change gives the function a new revision, and at AWS its end one more: only there may
        what somebody else did in between go unseen."""
        if changed.is_ready:
            return changed
        return self._client.functions.wait_until_ready(self._target.name)

    def _has_new_code(self, function: Function) -> bool:
        if self._code is not None:
            return function.code_sha256 != _base64_sha256(self._code)
        details = self._client.functions.get(self._target.name)
        return details.code_location != self._target.image

    def _content(self) -> ZipCode | ImageCode:
        if self._code is not None:
            return ZipCode(self._code.content)
        assert self._target.image is not None
        return ImageCode(self._target.image)

    def _reserve(self) -> None:
        wanted = self._target.reserved_concurrency
        if wanted is None:
            return
        before = self._client.functions.reserved_concurrency(self._target.name)
        if before != wanted:
            self._client.functions.reserve_concurrency(self._target.name, wanted)
            self._note(Change("reserved concurrency", before, wanted))

    def _publish(self, function: Function) -> str:
        known = {one.version for one in self._client.functions.versions(self._target.name)}
        published = self._client.functions.publish(
            self._target.name,
            description=self._target.version_description,
            code_sha256=function.code_sha256,
            revision_id=function.revision_id,
        )
        ready = self._client.functions.wait_until_ready(
            self._target.name, qualifier=published.version
        )
        if ready.version not in known:
            self._note(Change("published version", None, ready.version))
        return ready.version

    def _lead(self, name: str, version: str) -> None:
        function = self._target.name
        alias: Alias | None
        try:
            alias = self._client.aliases.get(function, name)
        except NotFound:
            self._client.aliases.create(function, name, version)
            self._note(Change(f"alias {name} leads to", None, version))
            return
        if alias.version != version or alias.weights:
            self._client.aliases.update(
                function, name, version=version, weights={}, revision_id=alias.revision_id
            )
            self._note(Change(f"alias {name} leads to", alias.version, version))

    def _note_code(self, before: Function | None, after: Function) -> None:
        if self._code is None:
            self._note(Change("image", None, self._target.image))
            return
        old = None if before is None else (before.code_sha256 or "")[:12]
        size = f"{len(self._code.content) / 1024:.1f} KiB"
        self._note(Change("code", old, f"{(after.code_sha256 or '')[:12]}, {size}"))

    def _note(self, change: Change) -> None:
        self._changes.append(change)
        self._tell(f"  {change}")


def _base64_sha256(code: PackedCode) -> str:
    return base64.b64encode(bytes.fromhex(code.sha256)).decode()
