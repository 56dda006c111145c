"""Functions and their versions: what can be invoked."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import LATEST, FunctionVersionId, function_arn
from perdure_service.domain.instant import Instant

_NAME = re.compile(r"[a-zA-Z0-9-_]{1,64}")

RUNTIME_EMULATOR_PATH = "/2015-03-31/functions/function/invocations"

UNQUALIFIED = "You cannot invoke a durable function using an unqualified ARN."


class PackageType(StrEnum):
    ZIP = "Zip"
    IMAGE = "Image"


class Architecture(StrEnum):
    X86_64 = "x86_64"
    ARM64 = "arm64"


class LogFormat(StrEnum):
    TEXT = "Text"
    JSON = "JSON"


class ApplicationLogLevel(StrEnum):
    TRACE = "TRACE"
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"
    ERROR = "ERROR"
    FATAL = "FATAL"


class SystemLogLevel(StrEnum):
    DEBUG = "DEBUG"
    INFO = "INFO"
    WARN = "WARN"


class TracingMode(StrEnum):
    ACTIVE = "Active"
    INHERITED = "PassThrough"


class SnapStart(StrEnum):
    PUBLISHED_VERSIONS = "PublishedVersions"
    NONE = "None"


@frozen
class LoggingConfig:
    """`log_group` None is `/aws/lambda/NAME`. Levels are kept for JSON only, as Lambda does."""

    log_format: LogFormat = LogFormat.TEXT
    application_log_level: ApplicationLogLevel | None = None
    system_log_level: SystemLogLevel | None = None
    log_group: str | None = None


@frozen
class DurableConfig:
    execution_timeout_seconds: int
    retention_days: int = 14


@frozen
class DeclaredSettings:
    """What a worker says of a function that it serves and an API call may say, too. `durable` None
    is a plain function."""

    durable: DurableConfig | None
    timeout_seconds: int
    memory_mb: int
    dead_letter_target: str | None


@frozen
class FunctionVersion:
    """One version of a function, `$LATEST` or a number. A published one never changes.

    `image_uri` is a push target's URL. `code_sha256` (hex) names the stored zip; None for a live
    folder that no copy was taken of. `durable` None is a plain function. `dead_letter_target` is a
    URL, or an ARN that stands for one, for the events of asynchronous executions that failed.
    `deployed` code was uploaded, and any worker of its runtime may run it; if it was not, a worker
    serves it from a folder of its own, or it is a push target. The environment is secret.
    `declared` is what a worker said last of $LATEST; None if none has served it.
    """

    id: FunctionVersionId
    account: str
    region: str
    function_name: str
    version: str
    durable: DurableConfig | None
    timeout_seconds: int
    memory_mb: int
    package_type: PackageType
    runtime: str | None
    handler: str | None
    code_sha256: str | None
    image_uri: str | None
    description: str
    revision_id: str
    created_at: Instant
    dead_letter_target: str | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    code_bytes: int | None = None
    deployed: bool = False
    role: str | None = None
    architecture: Architecture = Architecture.X86_64
    ephemeral_storage_mb: int = 512
    logging: LoggingConfig = LoggingConfig()
    tracing_mode: TracingMode = TracingMode.INHERITED
    snap_start: SnapStart = SnapStart.NONE
    declared: DeclaredSettings | None = None

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.function_name)

    @property
    def qualified_arn(self) -> str:
        return function_arn(self.account, self.region, self.function_name, self.version)


@frozen
class Function:
    """What is true of a function whichever version runs. `reserved_concurrency` None: no limit of
    its own; 0: it is not invoked at all. One that was deleted and created again is another one,
    told apart by `created_at`."""

    account: str
    region: str
    name: str
    created_at: Instant
    reserved_concurrency: int | None = None
    tags: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.name)


@frozen
class WeightedVersion:
    """`weight` is the share of the executions started through an alias, 0 to 1, that go here."""

    version: str
    weight: float


@frozen
class Alias:
    """A name that points at a version, and perhaps sends a share of the starts to another one."""

    account: str
    region: str
    function_name: str
    name: str
    version: str
    description: str
    revision_id: str
    additional: WeightedVersion | None = None

    @property
    def arn(self) -> str:
        return function_arn(self.account, self.region, self.function_name, self.name)

    @property
    def versions(self) -> tuple[str, ...]:
        """Those that it may mean."""
        extra = self.additional
        return (self.version,) if extra is None else (self.version, extra.version)

    def version_for(self, draw: float) -> str:
        """The version that an execution runs, by a number drawn evenly from [0, 1)."""
        extra = self.additional
        return extra.version if extra is not None and draw < extra.weight else self.version


def is_alias(qualifier: str) -> bool:
    """True if a qualifier, which is well-formed, names an alias and not a version."""
    return not qualifier.isdigit() and not qualifier.startswith(LATEST)


def check_function_name(name: str) -> str:
    """`name`, or InvalidParameterValue."""
    if _NAME.fullmatch(name) is None:
        raise InvalidParameterValue(
            f"Invalid function name '{name}': use 1 to 64 letters, digits, hyphens, underscores."
        )
    return name
