"""Function management: requests in, FunctionConfiguration out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Annotated, Any, Required

from pydantic import Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from perdure_service.api.wire.text import WITHOUT_NUL, parse_json
from perdure_service.api.wire.times import iso
from perdure_service.application.function_requests import (
    NewFunction,
    PublishRequest,
    RequestedDurability,
)
from perdure_service.application.resolve import ResolvedFunction
from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.functions import FunctionVersion, PackageType
from perdure_service.domain.limits import MAX_DELAY_SECONDS

Description = Annotated[str, StringConstraints(max_length=256), WITHOUT_NUL]
TimeoutSeconds = Annotated[int, Field(ge=1, le=900)]
MemorySize = Annotated[int, Field(ge=128, le=32_768)]


class DurableConfigBody(TypedDict, total=False):
    ExecutionTimeout: Annotated[int, Field(ge=1, le=MAX_DELAY_SECONDS)] | None
    RetentionPeriodInDays: Annotated[int, Field(ge=1, le=90)] | None
    KMSKeyArn: str | None


class FunctionCodeBody(TypedDict, total=False):
    ImageUri: str | None


class DeadLetterConfigBody(TypedDict, total=False):
    TargetArn: Annotated[str, StringConstraints(max_length=10_000)] | None


class CreateFunctionBody(TypedDict, total=False):
    FunctionName: Required[Annotated[str, StringConstraints(min_length=1, max_length=140)]]
    PackageType: PackageType | None
    Code: Required[FunctionCodeBody]
    DurableConfig: DurableConfigBody | None
    Description: Description | None
    Timeout: TimeoutSeconds | None
    MemorySize: MemorySize | None
    Publish: bool | None
    Environment: dict[str, Any] | None
    VpcConfig: dict[str, Any] | None
    DeadLetterConfig: DeadLetterConfigBody | None
    KMSKeyArn: str | None
    Layers: list[Any] | None
    FileSystemConfigs: list[Any] | None
    ImageConfig: dict[str, Any] | None
    TenancyConfig: dict[str, Any] | None
    CapacityProviderConfig: dict[str, Any] | None
    CodeSigningConfigArn: str | None
    Tags: dict[str, Any] | None


class PublishVersionBody(TypedDict, total=False):
    CodeSha256: str | None
    Description: Description | None
    RevisionId: str | None
    PublishTo: str | None


CREATE_FUNCTION_BODY = TypeAdapter(CreateFunctionBody)
PUBLISH_VERSION_BODY = TypeAdapter(PublishVersionBody)

_URL_ARN = "arn:aws:"
_URL_ARNS = (f"{_URL_ARN}http://", f"{_URL_ARN}https://")

_WITHOUT_EFFECT = (
    "Environment",
    "VpcConfig",
    "KMSKeyArn",
    "Layers",
    "FileSystemConfigs",
    "ImageConfig",
    "TenancyConfig",
    "CapacityProviderConfig",
    "CodeSigningConfigArn",
    "Tags",
)
"""What would be accepted without being done; the rest of the model's members changes nothing
about a container that somebody else runs."""


def parse_create_function(body: bytes) -> NewFunction:
    parsed: CreateFunctionBody = parse_json(CREATE_FUNCTION_BODY, body)
    durable = parsed.get("DurableConfig")
    _refuse_without_effect(parsed)
    return NewFunction(
        name=parsed["FunctionName"],
        package_type=parsed.get("PackageType") or PackageType.ZIP,
        image_uri=parsed["Code"].get("ImageUri"),
        durable=_durability(durable) if durable is not None else None,
        timeout_seconds=parsed.get("Timeout") or 3,
        memory_mb=parsed.get("MemorySize") or 128,
        description=parsed.get("Description") or "",
        publish=bool(parsed.get("Publish")),
        dead_letter_target=dead_letter_target(parsed.get("DeadLetterConfig")),
    )


def dead_letter_target(body: DeadLetterConfigBody | None) -> str | None:
    """An ARN or a URL. A URL may come as it is, or behind what makes it fit the model's pattern."""
    target = (body or {}).get("TargetArn") or None
    if target is not None and target.startswith(_URL_ARNS):
        return target.removeprefix(_URL_ARN)
    return target


def parse_publish_version(function: str, body: bytes) -> PublishRequest:
    parsed: PublishVersionBody = parse_json(PUBLISH_VERSION_BODY, body or b"{}")
    if parsed.get("PublishTo"):
        raise InvalidParameterValue("PublishTo is not supported: leave it out.")
    expected = parsed.get("CodeSha256")
    return PublishRequest(
        function=function,
        description=parsed.get("Description"),
        code_sha256=_hex(expected) if expected else None,
        revision_id=parsed.get("RevisionId") or None,
    )


def function_configuration(version: FunctionVersion, *, qualified: bool) -> dict[str, Any]:
    """FunctionConfiguration; its ARN is qualified if the caller asked for a version."""
    shape: dict[str, Any] = {
        "FunctionName": version.function_name,
        "FunctionArn": version.qualified_arn if qualified else version.arn,
        "Description": version.description,
        "Timeout": version.timeout_seconds,
        "MemorySize": version.memory_mb,
        "LastModified": iso(version.created_at).replace("Z", "+0000"),
        "Version": version.version,
        "RevisionId": version.revision_id,
        "PackageType": version.package_type.value,
        "State": "Active",
        "LastUpdateStatus": "Successful",
    }
    if version.runtime is not None:
        shape["Runtime"] = version.runtime
    if version.handler is not None:
        shape["Handler"] = version.handler
    if version.code_sha256 is not None:
        shape["CodeSha256"] = base64.b64encode(bytes.fromhex(version.code_sha256)).decode()
    if version.dead_letter_target is not None:
        target = version.dead_letter_target
        arn = target if target.startswith("arn:") else f"{_URL_ARN}{target}"
        shape["DeadLetterConfig"] = {"TargetArn": arn}
    if version.durable is not None:
        shape["DurableConfig"] = {
            "ExecutionTimeout": version.durable.execution_timeout_seconds,
            "RetentionPeriodInDays": version.durable.retention_days,
        }
    return shape


def resolved_configuration(found: ResolvedFunction) -> dict[str, Any]:
    return function_configuration(found.version, qualified=found.qualifier is not None)


def versions_page(
    versions: Sequence[FunctionVersion], marker: str | None, limit: int
) -> dict[str, Any]:
    """The versions after the one that `marker` names, at most `limit`."""
    names = [version.version for version in versions]
    first = names.index(marker) + 1 if marker in names else 0
    shown = versions[first : first + limit]
    shape: dict[str, Any] = {
        "Versions": [function_configuration(version, qualified=True) for version in shown]
    }
    if first + limit < len(versions):
        shape["NextMarker"] = shown[-1].version
    return shape


def code_location(version: FunctionVersion, base_url: str) -> dict[str, Any]:
    """FunctionCodeLocation; `base_url` is where the caller reached this service."""
    if version.image_uri is not None:
        uri = version.image_uri
        return {"RepositoryType": "ECR", "ImageUri": uri, "ResolvedImageUri": uri}
    if version.code_sha256 is None:
        return {}
    return {"RepositoryType": "S3", "Location": f"{base_url}v1/code/{version.code_sha256}"}


def _durability(body: DurableConfigBody) -> RequestedDurability:
    if body.get("KMSKeyArn"):
        raise InvalidParameterValue("DurableConfig.KMSKeyArn is not supported yet: leave it out.")
    return RequestedDurability(body.get("ExecutionTimeout"), body.get("RetentionPeriodInDays"))


def _refuse_without_effect(body: CreateFunctionBody) -> None:
    members: dict[str, Any] = {**body}
    for name in _WITHOUT_EFFECT:
        if _is_set(members.get(name)):
            raise InvalidParameterValue(f"{name} is not supported yet: leave it out.")


def _is_set(value: object) -> bool:
    """An object of nothing but empty members asks for nothing."""
    return any(map(_is_set, value.values())) if isinstance(value, dict) else bool(value)


def _hex(sha256_base64: str) -> str:
    try:
        return base64.b64decode(sha256_base64, validate=True).hex()
    except (binascii.Error, ValueError):
        return sha256_base64
