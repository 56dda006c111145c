"""What callers and workers ask of functions, and which of it cannot be."""

from __future__ import annotations

from dataclasses import dataclass

from perdure_service.domain.errors import InvalidParameterValue, ResourceConflict
from perdure_service.domain.functions import (
    RUNTIME_EMULATOR_PATH,
    DurableConfig,
    FunctionVersion,
    PackageType,
)
from perdure_service.domain.http_url import http_url


@dataclass(frozen=True, slots=True)
class RequestedDurability:
    """A DurableConfig as asked for; None is absent."""

    execution_timeout_seconds: int | None = None
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class NewFunction:
    """A CreateFunction call. `durable` None: a plain function, for good."""

    name: str
    package_type: PackageType
    image_uri: str | None = None
    durable: RequestedDurability | None = None
    timeout_seconds: int = 3
    memory_mb: int = 128
    description: str = ""
    publish: bool = False
    dead_letter_target: str | None = None


@dataclass(frozen=True, slots=True)
class ServedFunction:
    """What a worker says that it serves. `code_sha256` (hex) is that of the zip of its folder;
    None if that is too large to keep a copy of."""

    name: str
    durable: DurableConfig | None
    timeout_seconds: int
    memory_mb: int
    runtime: str
    handler: str
    code_sha256: str | None
    dead_letter_target: str | None = None


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A PublishVersion call; `code_sha256` (hex) and `revision_id` are what the caller expects."""

    function: str
    description: str | None = None
    code_sha256: str | None = None
    revision_id: str | None = None


def durable_config(requested: RequestedDurability | None) -> DurableConfig | None:
    """The settings to store. Raises InvalidParameterValue without an execution timeout."""
    if requested is None:
        return None
    if requested.execution_timeout_seconds is None:
        raise InvalidParameterValue(
            "You cannot create a function with a durable configuration without an executionTimeout"
        )
    if requested.retention_days is None:
        return DurableConfig(requested.execution_timeout_seconds)
    return DurableConfig(requested.execution_timeout_seconds, requested.retention_days)


def push_target(new: NewFunction) -> str:
    """The URL to post invocations to; one without a path is a container image with Lambda's
    runtime interface emulator. Raises InvalidParameterValue for anything else."""
    if new.package_type is PackageType.ZIP:
        raise InvalidParameterValue(
            "Code cannot be uploaded by CreateFunction yet. Serve it with `perdure worker "
            f"{new.name}=path/to/file.py`, or register a running container with "
            "PackageType=Image and ImageUri=http://host:port."
        )
    uri = new.image_uri or ""
    url = http_url(uri)
    if url is None:
        raise InvalidParameterValue(
            f"The ImageUri '{uri}' is not a push target: give the address at which the image "
            "already runs, as http://host:port or https://host:port/path."
        )
    return uri if url.path else url._replace(path=RUNTIME_EMULATOR_PATH).geturl()


def require_same_kind(latest: FunctionVersion, served: ServedFunction) -> None:
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
