"""Function management: FunctionConfiguration and its relatives out."""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from perdure_service.api.wire.functions import URL_ARN
from perdure_service.api.wire.times import iso
from perdure_service.application.resolve import ResolvedFunction
from perdure_service.domain.functions import (
    ApplicationLogLevel,
    Function,
    FunctionVersion,
    LogFormat,
    LoggingConfig,
    PackageType,
    SystemLogLevel,
)
from perdure_service.domain.ids import function_arn

T = TypeVar("T")


def function_configuration(
    version: FunctionVersion, *, qualified: bool = False, qualifier: str | None = None
) -> dict[str, Any]:
    """FunctionConfiguration. Its ARN ends in `qualifier`, what the caller asked for, or if
    `qualified` in the version."""
    ending = qualifier or (version.version if qualified else None)
    shape: dict[str, Any] = {
        "FunctionName": version.function_name,
        "FunctionArn": function_arn(version.account, version.region, version.function_name, ending),
        "Description": version.description,
        "Timeout": version.timeout_seconds,
        "MemorySize": version.memory_mb,
        "CodeSize": version.code_bytes or 0,
        "LastModified": iso(version.created_at).replace("Z", "+0000"),
        "Version": version.version,
        "RevisionId": version.revision_id,
        "PackageType": version.package_type.value,
        "Architectures": [version.architecture.value],
        "EphemeralStorage": {"Size": version.ephemeral_storage_mb},
        "TracingConfig": {"Mode": version.tracing_mode.value},
        "SnapStart": {"ApplyOn": version.snap_start.value, "OptimizationStatus": "Off"},
        "LoggingConfig": _logging(version.function_name, version.logging),
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    if version.role is not None:
        shape["Role"] = version.role
    if version.runtime is not None:
        shape["Runtime"] = version.runtime
    if version.handler is not None:
        shape["Handler"] = version.handler
    if version.code_sha256 is not None:
        shape["CodeSha256"] = base64.b64encode(bytes.fromhex(version.code_sha256)).decode()
    if version.environment:
        shape["Environment"] = {"Variables": dict(version.environment)}
    if version.dead_letter_target is not None:
        target = version.dead_letter_target
        arn = target if target.startswith("arn:") else f"{URL_ARN}{target}"
        shape["DeadLetterConfig"] = {"TargetArn": arn}
    if version.durable is not None:
        shape["DurableConfig"] = {
            "ExecutionTimeout": version.durable.execution_timeout_seconds,
            "RetentionPeriodInDays": version.durable.retention_days,
        }
    return shape


def resolved_configuration(found: ResolvedFunction) -> dict[str, Any]:
    return function_configuration(found.version, qualifier=found.qualifier)


def function_answer(found: ResolvedFunction, function: Function, base_url: str) -> dict[str, Any]:
    """GetFunction's. `base_url` is where the caller reached this service."""
    shape: dict[str, Any] = {
        "Configuration": resolved_configuration(found),
        "Code": _code_location(found.version, base_url),
    }
    if function.tags:
        shape["Tags"] = dict(function.tags)
    if function.reserved_concurrency is not None:
        shape["Concurrency"] = {"ReservedConcurrentExecutions": function.reserved_concurrency}
    return shape


def versions_page(
    versions: Sequence[FunctionVersion], marker: str | None, limit: int
) -> dict[str, Any]:
    """The versions after the one that `marker` names, at most `limit`."""
    shown, next_marker = page(versions, marker, limit, lambda version: version.version)
    shape: dict[str, Any] = {
        "Versions": [function_configuration(version, qualified=True) for version in shown]
    }
    if next_marker is not None:
        shape["NextMarker"] = next_marker
    return shape


def page(
    items: Sequence[T], marker: str | None, limit: int, name_of: Callable[[T], str]
) -> tuple[Sequence[T], str | None]:
    """At most `limit` items after the one that `marker` names, from the first if it is gone; and
    the marker of the next page, if there is one."""
    names = [name_of(item) for item in items]
    first = names.index(marker) + 1 if marker in names else 0
    shown = items[first : first + limit]
    return shown, names[first + limit - 1] if first + limit < len(items) else None


def _logging(function_name: str, config: LoggingConfig) -> dict[str, str]:
    shape = {
        "LogFormat": config.log_format.value,
        "LogGroup": config.log_group or f"/aws/lambda/{function_name}",
    }
    if config.log_format is LogFormat.JSON:
        level, system_level = config.application_log_level, config.system_log_level
        shape["ApplicationLogLevel"] = (level or ApplicationLogLevel.INFO).value
        shape["SystemLogLevel"] = (system_level or SystemLogLevel.INFO).value
    return shape


def _code_location(version: FunctionVersion, base_url: str) -> dict[str, Any]:
    if version.package_type is PackageType.IMAGE:
        uri = version.image_uri
        return {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri}
    if version.code_sha256 is None:
        return {}
    return {"RepositoryType": "S3", "Location": f"{base_url}v1/code/{version.code_sha256}"}
