"""Functions, their versions and their aliases."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from perdure.client.results.executions import DurableConfig, durable_config
from perdure.client.results.wire import iso_moment


@dataclass(frozen=True, slots=True)
class LoggingConfig:
    """`format` is Text or JSON; levels are for JSON only."""

    format: str | None = None
    application_level: str | None = None
    system_level: str | None = None
    group: str | None = None

    def to_wire(self) -> dict[str, str]:
        shape = {
            "LogFormat": self.format,
            "ApplicationLogLevel": self.application_level,
            "SystemLogLevel": self.system_level,
            "LogGroup": self.group,
        }
        return {name: value for name, value in shape.items() if value is not None}


def logging_config(shape: Mapping[str, Any] | None) -> LoggingConfig | None:
    if shape is None:
        return None
    return LoggingConfig(
        shape.get("LogFormat"),
        shape.get("ApplicationLogLevel"),
        shape.get("SystemLogLevel"),
        shape.get("LogGroup"),
    )


@dataclass(frozen=True, slots=True)
class Function:
    """One version of a function, `$LATEST` unless another was asked for. `durable` is None for a
    plain one. `code_sha256` is in base64, as Lambda tells it. What a service does not tell is
    None."""

    name: str
    arn: str
    version: str
    runtime: str | None
    handler: str | None
    description: str
    timeout_seconds: int
    memory_mb: int
    package_type: str
    code_sha256: str | None
    code_bytes: int | None
    durable: DurableConfig | None
    environment: Mapping[str, str] = field(repr=False)
    dead_letter_target: str | None
    logging: LoggingConfig | None
    role: str | None
    state: str | None
    state_reason: str | None
    last_update_status: str | None
    last_update_status_reason: str | None
    last_modified: datetime
    revision_id: str | None

    @property
    def is_ready(self) -> bool:
        """Neither being created nor being changed."""
        return self.state != "Pending" and self.last_update_status != "InProgress"


@dataclass(frozen=True, slots=True)
class FunctionDetails:
    """`code_location` is where its zip can be fetched, or the address of its image."""

    function: Function
    code_location: str | None
    reserved_concurrency: int | None
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Alias:
    """`weights` are the shares of other versions, each in 0 to 1; `version` has the rest."""

    name: str
    arn: str
    version: str
    description: str
    weights: Mapping[str, float]
    revision_id: str | None


def function(shape: Mapping[str, Any]) -> Function:
    return Function(
        name=shape["FunctionName"],
        arn=shape["FunctionArn"],
        version=shape["Version"],
        runtime=shape.get("Runtime"),
        handler=shape.get("Handler"),
        description=shape.get("Description") or "",
        timeout_seconds=shape["Timeout"],
        memory_mb=shape["MemorySize"],
        package_type=shape.get("PackageType") or "Zip",
        code_sha256=shape.get("CodeSha256"),
        code_bytes=shape.get("CodeSize"),
        durable=durable_config(shape.get("DurableConfig")),
        environment=dict((shape.get("Environment") or {}).get("Variables") or {}),
        dead_letter_target=_dead_letter_target(shape.get("DeadLetterConfig")),
        logging=logging_config(shape.get("LoggingConfig")),
        role=shape.get("Role") or None,
        state=shape.get("State"),
        state_reason=shape.get("StateReason"),
        last_update_status=shape.get("LastUpdateStatus"),
        last_update_status_reason=shape.get("LastUpdateStatusReason"),
        last_modified=iso_moment(shape["LastModified"]),
        revision_id=shape.get("RevisionId"),
    )


def _dead_letter_target(shape: Mapping[str, Any] | None) -> str | None:
    """An ARN, or a URL, which Perdure shows in the form of an ARN."""
    target: str | None = (shape or {}).get("TargetArn") or None
    if target is not None and target.startswith(("arn:aws:http://", "arn:aws:https://")):
        return target.removeprefix("arn:aws:")
    return target


def function_details(shape: Mapping[str, Any]) -> FunctionDetails:
    code = shape.get("Code") or {}
    concurrency = shape.get("Concurrency") or {}
    return FunctionDetails(
        function(shape["Configuration"]),
        code.get("Location") or code.get("ImageUri"),
        concurrency.get("ReservedConcurrentExecutions"),
        dict(shape.get("Tags") or {}),
    )


def alias(shape: Mapping[str, Any]) -> Alias:
    routing = shape.get("RoutingConfig") or {}
    return Alias(
        name=shape["Name"],
        arn=shape["AliasArn"],
        version=shape["FunctionVersion"],
        description=shape.get("Description") or "",
        weights=dict(routing.get("AdditionalVersionWeights") or {}),
        revision_id=shape.get("RevisionId"),
    )
