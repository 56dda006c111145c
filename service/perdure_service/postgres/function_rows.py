"""Functions and versions: from what the domain holds to rows, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import ColumnElement, RowMapping, Table

from perdure_service.domain.functions import (
    ApplicationLogLevel,
    Architecture,
    DeclaredSettings,
    DurableConfig,
    Function,
    FunctionVersion,
    LogFormat,
    LoggingConfig,
    PackageType,
    SnapStart,
    SystemLogLevel,
    TracingMode,
)
from perdure_service.domain.ids import FunctionVersionId
from perdure_service.postgres.instants import from_datetime, to_datetime

Row = Mapping[str, Any] | RowMapping


def of_function(table: Table, account: str, name: str) -> tuple[ColumnElement[bool], ...]:
    """The rows of a function in a table that has its name as `function_name`."""
    return (table.c.account == account, table.c.function_name == name)


def version_row(version: FunctionVersion) -> dict[str, Any]:
    durable = version.durable
    return {
        "id": version.id,
        "account": version.account,
        "region": version.region,
        "function_name": version.function_name,
        "version": version.version,
        "durable_timeout_seconds": durable.execution_timeout_seconds if durable else None,
        "durable_retention_days": durable.retention_days if durable else None,
        "timeout_seconds": version.timeout_seconds,
        "memory_mb": version.memory_mb,
        "package_type": version.package_type.value,
        "runtime": version.runtime,
        "handler": version.handler,
        "code_sha256": version.code_sha256,
        "image_uri": version.image_uri,
        "description": version.description,
        "revision_id": version.revision_id,
        "created_at": to_datetime(version.created_at),
        "dead_letter_target": version.dead_letter_target,
        "environment": dict(version.environment),
        "code_bytes": version.code_bytes,
        "deployed": version.deployed,
        "role": version.role,
        "architecture": version.architecture.value,
        "ephemeral_storage_mb": version.ephemeral_storage_mb,
        "logging": _logging_row(version.logging),
        "tracing_mode": version.tracing_mode.value,
        "snap_start": version.snap_start.value,
        "declared": _declared_row(version.declared),
    }


def version_of(row: Row) -> FunctionVersion:
    return FunctionVersion(
        id=FunctionVersionId(row["id"]),
        account=row["account"],
        region=row["region"],
        function_name=row["function_name"],
        version=row["version"],
        durable=_durable_of(row),
        timeout_seconds=row["timeout_seconds"],
        memory_mb=row["memory_mb"],
        package_type=PackageType(row["package_type"]),
        runtime=row["runtime"],
        handler=row["handler"],
        code_sha256=row["code_sha256"],
        image_uri=row["image_uri"],
        description=row["description"],
        revision_id=row["revision_id"],
        created_at=from_datetime(row["created_at"]),
        dead_letter_target=row["dead_letter_target"],
        environment=row["environment"],
        code_bytes=row["code_bytes"],
        deployed=row["deployed"],
        role=row["role"],
        architecture=Architecture(row["architecture"]),
        ephemeral_storage_mb=row["ephemeral_storage_mb"],
        logging=_logging_of(row["logging"]),
        tracing_mode=TracingMode(row["tracing_mode"]),
        snap_start=SnapStart(row["snap_start"]),
        declared=_declared_of(row["declared"]),
    )


def function_of(row: Row) -> Function:
    return Function(
        account=row["account"],
        region=row["region"],
        name=row["name"],
        created_at=from_datetime(row["created_at"]),
        reserved_concurrency=row["reserved_concurrency"],
        tags=row["tags"],
    )


def _declared_row(declared: DeclaredSettings | None) -> dict[str, Any] | None:
    if declared is None:
        return None
    durable = declared.durable
    return {
        "durable_timeout_seconds": durable.execution_timeout_seconds if durable else None,
        "durable_retention_days": durable.retention_days if durable else None,
        "timeout_seconds": declared.timeout_seconds,
        "memory_mb": declared.memory_mb,
        "dead_letter_target": declared.dead_letter_target,
    }


def _declared_of(row: Mapping[str, Any] | None) -> DeclaredSettings | None:
    if row is None:
        return None
    return DeclaredSettings(
        _durable_of(row), row["timeout_seconds"], row["memory_mb"], row["dead_letter_target"]
    )


def _durable_of(row: Row) -> DurableConfig | None:
    timeout_seconds = row["durable_timeout_seconds"]
    if timeout_seconds is None:
        return None
    return DurableConfig(timeout_seconds, row["durable_retention_days"])


def _logging_row(config: LoggingConfig) -> dict[str, str]:
    members = {
        "format": config.log_format.value,
        "application_level": config.application_log_level,
        "system_level": config.system_log_level,
        "group": config.log_group,
    }
    return {name: value for name, value in members.items() if value is not None}


def _logging_of(row: Mapping[str, str]) -> LoggingConfig:
    level, system_level = row.get("application_level"), row.get("system_level")
    return LoggingConfig(
        log_format=LogFormat(row.get("format", LogFormat.TEXT)),
        application_log_level=None if level is None else ApplicationLogLevel(level),
        system_log_level=None if system_level is None else SystemLogLevel(system_level),
        log_group=row.get("group"),
    )
