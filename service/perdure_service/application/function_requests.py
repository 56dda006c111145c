"""What callers and workers ask of functions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from perdure_service.domain.functions import (
    ApplicationLogLevel,
    Architecture,
    DurableConfig,
    LogFormat,
    PackageType,
    SnapStart,
    SystemLogLevel,
    TracingMode,
)


@dataclass(frozen=True, slots=True)
class RequestedDurability:
    """A DurableConfig as asked for; None is absent."""

    execution_timeout_seconds: int | None = None
    retention_days: int | None = None


@dataclass(frozen=True, slots=True)
class RequestedLogging:
    """A LoggingConfig as asked for; None is absent."""

    log_format: LogFormat | None = None
    application_log_level: ApplicationLogLevel | None = None
    system_log_level: SystemLogLevel | None = None
    log_group: str | None = None


@dataclass(frozen=True, slots=True)
class ZipCode:
    archive: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ObjectCode:
    """A zip in a bucket; `version` None is the newest."""

    bucket: str
    key: str
    version: str | None = None


@dataclass(frozen=True, slots=True)
class ImageCode:
    """The URL at which a container answers already."""

    uri: str


Code = ZipCode | ObjectCode | ImageCode


@dataclass(frozen=True, slots=True)
class ConfigurationChange:
    """What CreateFunction and UpdateFunctionConfiguration set; None leaves it as it is. An empty
    `role` or `dead_letter_target` takes it away."""

    description: str | None = None
    timeout_seconds: int | None = None
    memory_mb: int | None = None
    runtime: str | None = None
    handler: str | None = None
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    role: str | None = None
    dead_letter_target: str | None = None
    ephemeral_storage_mb: int | None = None
    logging: RequestedLogging | None = None
    tracing_mode: TracingMode | None = None
    snap_start: SnapStart | None = None
    durable: RequestedDurability | None = None


@dataclass(frozen=True, slots=True)
class NewFunction:
    """A CreateFunction call. Without `configuration.durable` a plain function, for good."""

    name: str
    package_type: PackageType
    code: Code | None
    configuration: ConfigurationChange
    architecture: Architecture | None = None
    tags: Mapping[str, str] = field(default_factory=dict)
    publish: bool = False


@dataclass(frozen=True, slots=True)
class CodeChange:
    """An UpdateFunctionCode call. `revision_id` is the one that the caller expects."""

    function: str
    code: Code | None
    architecture: Architecture | None = None
    revision_id: str | None = None
    publish: bool = False
    dry_run: bool = False


@dataclass(frozen=True, slots=True)
class PublishRequest:
    """A PublishVersion call; `code_sha256` (hex) and `revision_id` are what the caller expects."""

    function: str
    description: str | None = None
    code_sha256: str | None = None
    revision_id: str | None = None


@dataclass(frozen=True, slots=True)
class AliasRequest:
    """A CreateAlias or UpdateAlias call; None leaves it as it is. `weights` are those of versions
    beside the main one; an empty mapping takes them away."""

    function: str
    name: str
    version: str | None = None
    description: str | None = None
    weights: Mapping[str, float] | None = None
    revision_id: str | None = None


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
