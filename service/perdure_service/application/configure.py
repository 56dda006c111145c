"""A version with another configuration, if that may be."""

from __future__ import annotations

from dataclasses import dataclass, replace

from perdure_service.application.dead_letters import DeadLetterTargets
from perdure_service.application.function_requests import (
    ConfigurationChange,
    RequestedDurability,
    RequestedLogging,
)
from perdure_service.domain.environment import check_environment
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.functions import (
    DurableConfig,
    FunctionVersion,
    LogFormat,
    LoggingConfig,
    PackageType,
)


@dataclass(frozen=True, slots=True)
class Configure:
    """Applies what a caller set. Raises InvalidParameterValue."""

    dead_letters: DeadLetterTargets

    def __call__(self, version: FunctionVersion, change: ConfigurationChange) -> FunctionVersion:
        """`version` with the members that `change` sets; its durability is merged, member by
        member, and stays what it is."""
        _check_package(version, change)
        environment = change.environment
        target = change.dead_letter_target
        return replace(
            version,
            description=_or(change.description, version.description),
            timeout_seconds=change.timeout_seconds or version.timeout_seconds,
            memory_mb=change.memory_mb or version.memory_mb,
            runtime=change.runtime or version.runtime,
            handler=change.handler or version.handler,
            environment=(
                version.environment if environment is None else check_environment(environment)
            ),
            role=_or(change.role, version.role) or None,
            dead_letter_target=(
                version.dead_letter_target if target is None else self.dead_letters.checked(target)
            ),
            ephemeral_storage_mb=change.ephemeral_storage_mb or version.ephemeral_storage_mb,
            logging=_logging(version.logging, change.logging),
            tracing_mode=change.tracing_mode or version.tracing_mode,
            snap_start=change.snap_start or version.snap_start,
            durable=_durable(version, change.durable),
        )


def new_durability(requested: RequestedDurability | None) -> DurableConfig | None:
    """The settings to create a function with. Raises InvalidParameterValue without an execution
    timeout."""
    if requested is None:
        return None
    if requested.execution_timeout_seconds is None:
        raise InvalidParameterValue(
            "You cannot create a function with a durable configuration without an executionTimeout"
        )
    if requested.retention_days is None:
        return DurableConfig(requested.execution_timeout_seconds)
    return DurableConfig(requested.execution_timeout_seconds, requested.retention_days)


def _or(wanted: str | None, known: str | None) -> str:
    return (known if wanted is None else wanted) or ""


def _check_package(version: FunctionVersion, change: ConfigurationChange) -> None:
    if version.package_type is PackageType.IMAGE and (change.runtime or change.handler):
        raise InvalidParameterValue(
            "Please don't provide Handler or Runtime or Layer when the intended function "
            "PackageType is Image."
        )


def _durable(
    version: FunctionVersion, requested: RequestedDurability | None
) -> DurableConfig | None:
    known = version.durable
    if requested is None:
        return known
    if known is None:
        raise InvalidParameterValue(
            f"Function '{version.function_name}' is a plain function and stays one: a "
            "DurableConfig can only be given to CreateFunction."
        )
    return DurableConfig(
        requested.execution_timeout_seconds or known.execution_timeout_seconds,
        requested.retention_days or known.retention_days,
    )


def _logging(known: LoggingConfig, wanted: RequestedLogging | None) -> LoggingConfig:
    if wanted is None:
        return known
    log_format = wanted.log_format or known.log_format
    level, system_level = wanted.application_log_level, wanted.system_log_level
    if log_format is LogFormat.TEXT and (level or system_level):
        raise InvalidParameterValue(
            'Log level is not supported when the log format is set to "Text". Remove log level '
            'from your request or change the log format to "JSON" and try again.'
        )
    is_json = log_format is LogFormat.JSON
    return LoggingConfig(
        log_format=log_format,
        application_log_level=(level or known.application_log_level) if is_json else None,
        system_log_level=(system_level or known.system_log_level) if is_json else None,
        log_group=wanted.log_group or known.log_group,
    )
