"""What a function is made of, for create and update."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from perdure.client.results.executions import DurableConfig
from perdure.client.results.functions import LoggingConfig


@dataclass(frozen=True, slots=True)
class ZipCode:
    """A zip archive, sent along."""

    content: bytes = field(repr=False)

    def to_wire(self) -> dict[str, Any]:
        return {"ZipFile": base64.b64encode(self.content).decode()}


@dataclass(frozen=True, slots=True)
class S3Code:
    """A zip archive that lies in S3."""

    bucket: str
    key: str
    object_version: str | None = None

    def to_wire(self) -> dict[str, Any]:
        version = {"S3ObjectVersion": self.object_version} if self.object_version else {}
        return {"S3Bucket": self.bucket, "S3Key": self.key, **version}


@dataclass(frozen=True, slots=True)
class ImageCode:
    """A container image; for Perdure, the address of a container that runs."""

    uri: str

    def to_wire(self) -> dict[str, Any]:
        return {"ImageUri": self.uri}


Code: TypeAlias = ZipCode | S3Code | ImageCode


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """What is None stays as it is, or as Lambda's default when a function is created.
    `environment` replaces all variables, an empty one removes them."""

    runtime: str | None = None
    handler: str | None = None
    description: str | None = None
    timeout_seconds: int | None = None
    memory_mb: int | None = None
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    durable: DurableConfig | None = None
    dead_letter_target: str | None = None
    logging: LoggingConfig | None = None
    role: str | None = None

    def to_wire(self) -> dict[str, Any]:
        shape: dict[str, Any] = {
            "Runtime": self.runtime,
            "Handler": self.handler,
            "Description": self.description,
            "Timeout": self.timeout_seconds,
            "MemorySize": self.memory_mb,
            "Role": self.role,
        }
        if self.environment is not None:
            shape["Environment"] = {"Variables": dict(self.environment)}
        if self.durable is not None:
            shape["DurableConfig"] = self.durable.to_wire()
        if self.logging is not None:
            shape["LoggingConfig"] = self.logging.to_wire()
        if self.dead_letter_target is not None:
            shape["DeadLetterConfig"] = {"TargetArn": self.dead_letter_target}
        return {name: value for name, value in shape.items() if value is not None}
