"""Aliases: requests in, AliasConfiguration out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Required

from pydantic import AfterValidator, Field, StringConstraints, TypeAdapter
from pydantic_core import PydanticCustomError
from typing_extensions import TypedDict

from perdure_service.api.wire.function_configuration import page
from perdure_service.api.wire.functions import Description
from perdure_service.api.wire.text import parse_json
from perdure_service.application.function_requests import AliasRequest
from perdure_service.domain.functions import Alias


def _not_a_number(name: str) -> str:
    if name.isdigit():
        raise PydanticCustomError(
            "alias", "satisfy regular expression pattern: (?!^[0-9]+$)([a-zA-Z0-9-_]+)"
        )
    return name


AliasName = Annotated[
    str,
    StringConstraints(min_length=1, max_length=128, pattern=r"^[a-zA-Z0-9-_]+$"),
    AfterValidator(_not_a_number),
]
VersionNumber = Annotated[
    str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^(\$LATEST|[0-9]+)$")
]
_AdditionalVersion = Annotated[
    str, StringConstraints(min_length=1, max_length=1_024, pattern=r"^[0-9]+$")
]


class RoutingConfigBody(TypedDict, total=False):
    AdditionalVersionWeights: dict[_AdditionalVersion, Annotated[float, Field(ge=0, le=1)]] | None


class CreateAliasBody(TypedDict, total=False):
    Name: Required[AliasName]
    FunctionVersion: Required[VersionNumber]
    Description: Description | None
    RoutingConfig: RoutingConfigBody | None


class UpdateAliasBody(TypedDict, total=False):
    FunctionVersion: VersionNumber | None
    Description: Description | None
    RoutingConfig: RoutingConfigBody | None
    RevisionId: str | None


CREATE_ALIAS_BODY = TypeAdapter(CreateAliasBody)
UPDATE_ALIAS_BODY = TypeAdapter(UpdateAliasBody)


def parse_create_alias(function: str, body: bytes) -> AliasRequest:
    parsed: CreateAliasBody = parse_json(CREATE_ALIAS_BODY, body)
    return AliasRequest(
        function=function,
        name=parsed["Name"],
        version=parsed["FunctionVersion"],
        description=parsed.get("Description"),
        weights=_weights(parsed.get("RoutingConfig")),
    )


def parse_update_alias(function: str, name: str, body: bytes) -> AliasRequest:
    parsed: UpdateAliasBody = parse_json(UPDATE_ALIAS_BODY, body or b"{}")
    return AliasRequest(
        function=function,
        name=name,
        version=parsed.get("FunctionVersion"),
        description=parsed.get("Description"),
        weights=_weights(parsed.get("RoutingConfig")),
        revision_id=parsed.get("RevisionId") or None,
    )


def alias_configuration(alias: Alias) -> dict[str, Any]:
    shape: dict[str, Any] = {
        "AliasArn": alias.arn,
        "Name": alias.name,
        "FunctionVersion": alias.version,
        "Description": alias.description,
        "RevisionId": alias.revision_id,
    }
    if alias.additional is not None:
        extra = alias.additional
        shape["RoutingConfig"] = {"AdditionalVersionWeights": {extra.version: extra.weight}}
    return shape


def aliases_page(aliases: Sequence[Alias], marker: str | None, limit: int) -> dict[str, Any]:
    """The aliases after the one that `marker` names, at most `limit`."""
    shown, next_marker = page(aliases, marker, limit, lambda alias: alias.name)
    shape: dict[str, Any] = {"Aliases": [alias_configuration(alias) for alias in shown]}
    if next_marker is not None:
        shape["NextMarker"] = next_marker
    return shape


def _weights(body: RoutingConfigBody | None) -> Mapping[str, float] | None:
    return None if body is None else body.get("AdditionalVersionWeights") or {}
