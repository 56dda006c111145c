"""Function management: requests in."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Required

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from perdure_service.api.wire.text import WITHOUT_NUL, parse_json
from perdure_service.api.wire.violations import violation
from perdure_service.api.wire.zip_file import ZipText, decode_zip, parse_around_zip
from perdure_service.application.function_requests import (
    Code,
    CodeChange,
    ConfigurationChange,
    ImageCode,
    NewFunction,
    ObjectCode,
    PublishRequest,
    RequestedDurability,
    RequestedLogging,
    ZipCode,
)
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.functions import (
    ApplicationLogLevel,
    Architecture,
    LogFormat,
    PackageType,
    SnapStart,
    SystemLogLevel,
    TracingMode,
)
from perdure_service.domain.limits import MAX_DELAY_SECONDS
from perdure_service.domain.runtimes import RUNTIMES


def _known_runtime(runtime: str) -> str:
    if runtime not in RUNTIMES:
        raise PydanticCustomError(
            "runtime",
            "satisfy enum value set: [{runtimes}] or be a valid ARN",
            {"runtimes": ", ".join(RUNTIMES)},
        )
    return runtime


Description = Annotated[str, StringConstraints(max_length=256), WITHOUT_NUL]
TimeoutSeconds = Annotated[int, Field(ge=1, le=900)]
MemorySize = Annotated[int, Field(ge=128, le=32_768)]
Runtime = Annotated[str, AfterValidator(_known_runtime)]
Handler = Annotated[str, StringConstraints(max_length=128, pattern=r"^[^\s]+$"), WITHOUT_NUL]
Role = Annotated[
    str,
    StringConstraints(
        max_length=2_048, pattern=r"^arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+$"
    ),
]
LogGroup = Annotated[
    str, StringConstraints(min_length=1, max_length=512, pattern=r"^[\.\-_/#A-Za-z0-9]+$")
]
Bucket = Annotated[
    str, StringConstraints(min_length=3, max_length=63, pattern=r"^[0-9A-Za-z\.\-_]*[^\.]$")
]
Key = Annotated[str, StringConstraints(min_length=1, max_length=1_024), WITHOUT_NUL]


class DurableConfigBody(TypedDict, total=False):
    ExecutionTimeout: Annotated[int, Field(ge=1, le=MAX_DELAY_SECONDS)] | None
    RetentionPeriodInDays: Annotated[int, Field(ge=1, le=90)] | None
    KMSKeyArn: str | None


class DeadLetterConfigBody(TypedDict, total=False):
    TargetArn: Annotated[str, StringConstraints(max_length=10_000)] | None


class EnvironmentBody(TypedDict, total=False):
    Variables: dict[str, str] | None


class EphemeralStorageBody(TypedDict):
    Size: Annotated[int, Field(ge=512, le=10_240)]


class LoggingConfigBody(TypedDict, total=False):
    LogFormat: LogFormat | None
    ApplicationLogLevel: ApplicationLogLevel | None
    SystemLogLevel: SystemLogLevel | None
    LogGroup: LogGroup | None


class TracingConfigBody(TypedDict, total=False):
    Mode: TracingMode | None


class SnapStartBody(TypedDict, total=False):
    ApplyOn: SnapStart | None


class FunctionCodeBody(TypedDict, total=False):
    ZipFile: str | None
    S3Bucket: Bucket | None
    S3Key: Key | None
    S3ObjectVersion: Key | None
    S3ObjectStorageMode: str | None
    ImageUri: str | None
    SourceKMSKeyArn: str | None


class _ConfigurationBody(TypedDict, total=False):
    """What CreateFunction and UpdateFunctionConfiguration have in common."""

    Description: Description | None
    Timeout: TimeoutSeconds | None
    MemorySize: MemorySize | None
    Runtime: Runtime | None
    Handler: Handler | None
    Role: Role | None
    Environment: EnvironmentBody | None
    DeadLetterConfig: DeadLetterConfigBody | None
    EphemeralStorage: EphemeralStorageBody | None
    LoggingConfig: LoggingConfigBody | None
    TracingConfig: TracingConfigBody | None
    SnapStart: SnapStartBody | None
    DurableConfig: DurableConfigBody | None
    VpcConfig: dict[str, Any] | None
    KMSKeyArn: str | None
    Layers: list[Any] | None
    FileSystemConfigs: list[Any] | None
    ImageConfig: dict[str, Any] | None
    CapacityProviderConfig: dict[str, Any] | None
    RuntimeConfig: dict[str, Any] | None
    AcceleratorConfig: dict[str, Any] | None


class CreateFunctionBody(_ConfigurationBody, total=False):
    FunctionName: Required[Annotated[str, StringConstraints(min_length=1, max_length=140)]]
    PackageType: PackageType | None
    Code: Required[FunctionCodeBody]
    Architectures: Annotated[list[Architecture], Field(min_length=1, max_length=1)] | None
    Publish: bool | None
    PublishTo: str | None
    Tags: dict[str, str] | None
    TenancyConfig: dict[str, Any] | None
    CodeSigningConfigArn: str | None


class UpdateConfigurationBody(_ConfigurationBody, total=False):
    RevisionId: str | None


class UpdateCodeBody(FunctionCodeBody, total=False):
    Architectures: Annotated[list[Architecture], Field(min_length=1, max_length=1)] | None
    Publish: bool | None
    PublishTo: str | None
    DryRun: bool | None
    RevisionId: str | None


class PublishVersionBody(TypedDict, total=False):
    CodeSha256: str | None
    Description: Description | None
    RevisionId: str | None
    PublishTo: str | None


CREATE_FUNCTION_BODY = TypeAdapter(CreateFunctionBody)
UPDATE_CODE_BODY = TypeAdapter(UpdateCodeBody)
UPDATE_CONFIGURATION_BODY = TypeAdapter(UpdateConfigurationBody)
PUBLISH_VERSION_BODY = TypeAdapter(PublishVersionBody)

URL_ARN = "arn:aws:"
_URL_ARNS = (f"{URL_ARN}http://", f"{URL_ARN}https://")

_UNSUPPORTED = {
    "VpcConfig": "functions use the network of the machine that their worker runs on",
    "KMSKeyArn": "there is no encryption with keys of your own yet",
    "SourceKMSKeyArn": "there is no encryption with keys of your own yet",
    "Layers": "put what they hold into the zip",
    "FileSystemConfigs": "mount it on the machine that the worker runs on",
    "ImageConfig": "start the container with the entry point and the command that it needs",
    "TenancyConfig": "a tenant id is handed to the function, which is not isolated by it",
    "CapacityProviderConfig": "workers are started by you",
    "CodeSigningConfigArn": "signatures of code are not checked",
    "RuntimeConfig": "a worker's interpreter decides",
    "AcceleratorConfig": "workers have what their machine has",
    "PublishTo": "there are no managed instances to publish to",
}
"""What would be accepted without being done, and what to know instead."""


def parse_create_function(body: bytes) -> NewFunction:
    parsed: CreateFunctionBody
    parsed, zip_text = parse_around_zip(CREATE_FUNCTION_BODY, body, lambda found: found["Code"])
    _refuse_unsupported({**parsed}, {**parsed["Code"]})
    return NewFunction(
        name=parsed["FunctionName"],
        package_type=parsed.get("PackageType") or PackageType.ZIP,
        code=_code(parsed["Code"], zip_text, "code."),
        configuration=_configuration(parsed),
        architecture=_architecture(parsed.get("Architectures")),
        tags=parsed.get("Tags") or {},
        publish=bool(parsed.get("Publish")),
    )


def parse_update_code(function: str, body: bytes) -> CodeChange:
    parsed: UpdateCodeBody
    parsed, zip_text = parse_around_zip(UPDATE_CODE_BODY, body, lambda found: found)
    _refuse_unsupported({**parsed})
    return CodeChange(
        function=function,
        code=_code(parsed, zip_text, ""),
        architecture=_architecture(parsed.get("Architectures")),
        revision_id=parsed.get("RevisionId") or None,
        publish=bool(parsed.get("Publish")),
        dry_run=bool(parsed.get("DryRun")),
    )


def parse_update_configuration(body: bytes) -> tuple[ConfigurationChange, str | None]:
    """What to change, and the revision that the caller expects."""
    parsed: UpdateConfigurationBody = parse_json(UPDATE_CONFIGURATION_BODY, body or b"{}")
    _refuse_unsupported({**parsed})
    return _configuration(parsed), parsed.get("RevisionId") or None


def parse_publish_version(function: str, body: bytes) -> PublishRequest:
    parsed: PublishVersionBody = parse_json(PUBLISH_VERSION_BODY, body or b"{}")
    _refuse_unsupported({**parsed})
    expected = parsed.get("CodeSha256")
    return PublishRequest(
        function=function,
        description=parsed.get("Description"),
        code_sha256=_hex(expected) if expected else None,
        revision_id=parsed.get("RevisionId") or None,
    )


def dead_letter_target(body: DeadLetterConfigBody | None) -> str | None:
    """An ARN or a URL. A URL may come as it is, or behind what makes it fit the model's pattern.
    None if nothing is said, empty to have none."""
    target = None if body is None else body.get("TargetArn") or ""
    if target is not None and target.startswith(_URL_ARNS):
        return target.removeprefix(URL_ARN)
    return target


def _configuration(parsed: _ConfigurationBody) -> ConfigurationChange:
    durable = parsed.get("DurableConfig")
    environment = parsed.get("Environment")
    storage = parsed.get("EphemeralStorage")
    return ConfigurationChange(
        description=parsed.get("Description"),
        timeout_seconds=parsed.get("Timeout"),
        memory_mb=parsed.get("MemorySize"),
        runtime=parsed.get("Runtime"),
        handler=parsed.get("Handler"),
        environment=None if environment is None else environment.get("Variables") or {},
        role=parsed.get("Role"),
        dead_letter_target=dead_letter_target(parsed.get("DeadLetterConfig")),
        ephemeral_storage_mb=None if storage is None else storage["Size"],
        logging=_logging(parsed.get("LoggingConfig")),
        tracing_mode=(parsed.get("TracingConfig") or {}).get("Mode"),
        snap_start=(parsed.get("SnapStart") or {}).get("ApplyOn"),
        durable=None if durable is None else _durability(durable),
    )


def _logging(body: LoggingConfigBody | None) -> RequestedLogging | None:
    if body is None:
        return None
    return RequestedLogging(
        log_format=body.get("LogFormat"),
        application_log_level=body.get("ApplicationLogLevel"),
        system_log_level=body.get("SystemLogLevel"),
        log_group=body.get("LogGroup"),
    )


def _code(body: FunctionCodeBody, zip_text: ZipText | None, path: str) -> Code | None:
    """Raises InvalidParameterValue if there is more than one source."""
    image = body.get("ImageUri")
    bucket, key = body.get("S3Bucket"), body.get("S3Key")
    version, mode = body.get("S3ObjectVersion"), body.get("S3ObjectStorageMode")
    in_bucket = any((bucket, key, version))
    if zip_text is not None and (in_bucket or image):
        raise InvalidParameterValue(
            "Please do not provide other FunctionCode parameters when providing a ZipFile."
        )
    if in_bucket and image:
        raise InvalidParameterValue("Please provide either ImageUri or S3Bucket and S3Key.")
    if mode not in (None, "COPY"):
        raise violation(f"{path}s3ObjectStorageMode", mode, "satisfy enum value set: [COPY]")
    if zip_text is not None:
        return ZipCode(decode_zip(zip_text, f"{path}zipFile"))
    if image:
        return ImageCode(image)
    if not in_bucket:
        return None
    if not bucket or not key:
        raise InvalidParameterValue("S3Bucket and S3Key are needed both.")
    return ObjectCode(bucket, key, version)


def _architecture(architectures: list[Architecture] | None) -> Architecture | None:
    return architectures[0] if architectures else None


def _durability(body: DurableConfigBody) -> RequestedDurability:
    if body.get("KMSKeyArn"):
        raise InvalidParameterValue("DurableConfig.KMSKeyArn is not supported yet: leave it out.")
    return RequestedDurability(body.get("ExecutionTimeout"), body.get("RetentionPeriodInDays"))


def _refuse_unsupported(*bodies: Mapping[str, Any]) -> None:
    for body in bodies:
        for name, instead in _UNSUPPORTED.items():
            if _is_set(body.get(name)):
                raise InvalidParameterValue(f"{name} is not supported: leave it out; {instead}.")


def _is_set(value: object) -> bool:
    """An object of nothing but empty members asks for nothing."""
    return any(map(_is_set, value.values())) if isinstance(value, dict) else bool(value)


def _hex(sha256_base64: str) -> str:
    try:
        return base64.b64decode(sha256_base64, validate=True).hex()
    except (binascii.Error, ValueError):
        return sha256_base64
