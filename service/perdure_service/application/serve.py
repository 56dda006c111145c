"""Functions that workers serve from a folder of their own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from perdure_service.application.dead_letters import DeadLetterTargets
from perdure_service.application.function_requests import ServedFunction
from perdure_service.application.functions import new_version
from perdure_service.application.resolve import ResolveFunction
from perdure_service.domain.errors import ResourceConflict, ResourceNotFound
from perdure_service.domain.functions import (
    DeclaredSettings,
    DurableConfig,
    FunctionVersion,
    PackageType,
    check_function_name,
)
from perdure_service.ports.clock import Clock
from perdure_service.ports.code import CodeStore
from perdure_service.ports.functions import FunctionCatalogue, FunctionStore

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ServeFunction:
    catalogue: FunctionCatalogue
    store: FunctionStore
    code: CodeStore
    addresses: ResolveFunction
    dead_letters: DeadLetterTargets
    clock: Clock

    async def __call__(self, served: ServedFunction) -> FunctionVersion:
        """Make $LATEST what a worker serves, in place of code that was deployed; writes only what
        is new. A setting that is declared as it was the last time stays what it is: somebody may
        have set it since. Raises ResourceConflict if a function of that name is of the other
        kind."""
        name = check_function_name(served.name)
        declared = DeclaredSettings(
            served.durable,
            served.timeout_seconds,
            served.memory_mb,
            self.dead_letters.checked(served.dead_letter_target),
        )
        sha256 = served.code_sha256
        code_bytes = await self.code.size_bytes(sha256) if sha256 is not None else None

        def as_served(latest: FunctionVersion) -> FunctionVersion:
            settings = _settings(latest, declared)
            return replace(
                latest,
                durable=settings.durable,
                timeout_seconds=settings.timeout_seconds,
                memory_mb=settings.memory_mb,
                runtime=served.runtime,
                handler=served.handler,
                code_sha256=sha256,
                code_bytes=code_bytes,
                deployed=False,
                dead_letter_target=settings.dead_letter_target,
                declared=declared,
            )

        def changed(latest: FunctionVersion) -> FunctionVersion:
            _require_same_kind(latest, served)
            return as_served(latest)

        try:
            latest = await self.catalogue.resolve(name, None)
            if changed(latest) == latest:
                return latest
            return await self.store.change_latest(name, changed)
        except ResourceNotFound:
            pass
        new = new_version(self.addresses, self.clock, name, PackageType.ZIP)
        try:
            return await self.store.create(as_served(new))
        except ResourceConflict:  # another worker was faster
            return await self.store.change_latest(name, changed)

    async def is_code_missing(self, version: FunctionVersion) -> bool:
        """True if the version names code that nobody has uploaded yet."""
        sha256 = version.code_sha256
        return sha256 is not None and await self.code.size_bytes(sha256) is None


def _settings(latest: FunctionVersion, declared: DeclaredSettings) -> DeclaredSettings:
    last = latest.declared
    if last is None:
        return declared
    return DeclaredSettings(
        _durability(latest.durable, last.durable, declared.durable),
        _kept(latest.timeout_seconds, last.timeout_seconds, declared.timeout_seconds),
        _kept(latest.memory_mb, last.memory_mb, declared.memory_mb),
        _kept(latest.dead_letter_target, last.dead_letter_target, declared.dead_letter_target),
    )


def _durability(
    known: DurableConfig | None, last: DurableConfig | None, declared: DurableConfig | None
) -> DurableConfig | None:
    if known is None or last is None or declared is None:
        return declared
    return DurableConfig(
        _kept(
            known.execution_timeout_seconds,
            last.execution_timeout_seconds,
            declared.execution_timeout_seconds,
        ),
        _kept(known.retention_days, last.retention_days, declared.retention_days),
    )


def _kept(known: T, last: T, declared: T) -> T:
    return known if declared == last else declared


def _require_same_kind(latest: FunctionVersion, served: ServedFunction) -> None:
    """Raises ResourceConflict unless a worker may go on serving `latest` as `served`."""
    name = latest.function_name
    if latest.package_type is PackageType.IMAGE:
        raise ResourceConflict(
            f"Function '{name}' is a push target ({latest.image_uri}): a worker cannot serve it. "
            "Serve yours under another name."
        )
    if (latest.durable is None) is not (served.durable is None):
        exists, wanted = ("plain", "durable") if latest.durable is None else ("durable", "plain")
        raise ResourceConflict(
            f"Function '{name}' exists as a {exists} function and stays one: it cannot be served "
            f"as a {wanted} one. Serve yours under another name, or as a {exists} function."
        )
