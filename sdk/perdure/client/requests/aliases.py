"""Names for versions."""

from __future__ import annotations

from collections.abc import Mapping

from perdure.client.operation import (
    JSON_TYPE,
    Answer,
    Operation,
    Page,
    Request,
    json_body,
    nothing,
    query,
    segment,
)
from perdure.client.results.functions import Alias, alias

_JSON = {"Content-Type": JSON_TYPE}


def create(
    function: str,
    name: str,
    version: str,
    *,
    description: str | None = None,
    weights: Mapping[str, float] | None = None,
) -> Operation[Alias]:
    members = {
        "Name": name,
        "FunctionVersion": version,
        "Description": description,
        "RoutingConfig": _routing(weights),
    }
    request = Request("POST", _path(function), headers=_JSON, body=json_body(members))
    return Operation(request, _alias)


def update(
    function: str,
    name: str,
    *,
    version: str | None = None,
    description: str | None = None,
    weights: Mapping[str, float] | None = None,
    revision_id: str | None = None,
) -> Operation[Alias]:
    """Empty `weights` send everything to the alias's own version."""
    members = {
        "FunctionVersion": version,
        "Description": description,
        "RoutingConfig": _routing(weights),
        "RevisionId": revision_id,
    }
    request = Request("PUT", _path(function, name), headers=_JSON, body=json_body(members))
    return Operation(request, _alias)


def get(function: str, name: str) -> Operation[Alias]:
    return Operation(Request("GET", _path(function, name)), _alias)


def list_page(
    function: str,
    *,
    version: str | None = None,
    page_size: int | None = None,
    marker: str | None = None,
) -> Operation[Page[Alias]]:
    parameters = query(FunctionVersion=version, Marker=marker, MaxItems=page_size)
    return Operation(Request("GET", _path(function), parameters), _page)


def delete(function: str, name: str) -> Operation[None]:
    return Operation(Request("DELETE", _path(function, name)), nothing)


def _path(function: str, *name: str) -> str:
    parts = "".join(f"/{segment(part)}" for part in name)
    return f"/2015-03-31/functions/{segment(function)}/aliases{parts}"


def _routing(weights: Mapping[str, float] | None) -> dict[str, dict[str, float]] | None:
    return None if weights is None else {"AdditionalVersionWeights": dict(weights)}


def _alias(answer: Answer) -> Alias:
    return alias(answer.json())


def _page(answer: Answer) -> Page[Alias]:
    document = answer.json()
    return Page(tuple(map(alias, document["Aliases"])), document.get("NextMarker"))
