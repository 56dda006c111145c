"""Functions, their versions, their reserved concurrency."""

from __future__ import annotations

from collections.abc import Mapping

from perdure.client.code import Code, FunctionSettings, ImageCode
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
from perdure.client.results.functions import Function, FunctionDetails, function, function_details

_ROOT = "/2015-03-31/functions"
_JSON = {"Content-Type": JSON_TYPE}

PERDURE_ROLE = "arn:aws:iam::000000000000:role/perdure"
"""Lambda's API wants a role; Perdure has none to give."""

_UPLOAD_SECONDS = 300.0


def create(
    name: str,
    code: Code,
    settings: FunctionSettings,
    *,
    publish: bool = False,
    tags: Mapping[str, str] | None = None,
) -> Operation[Function]:
    members = {
        "FunctionName": name,
        "Role": PERDURE_ROLE,
        **settings.to_wire(),
        "Code": code.to_wire(),
        "PackageType": "Image" if isinstance(code, ImageCode) else None,
        "Publish": publish or None,
        "Tags": dict(tags) if tags else None,
    }
    return _change("POST", _ROOT, members, wait_seconds=_UPLOAD_SECONDS)


def update_code(
    name: str,
    code: Code,
    *,
    publish: bool = False,
    revision_id: str | None = None,
    dry_run: bool = False,
) -> Operation[Function]:
    members = {
        **code.to_wire(),
        "Publish": publish or None,
        "RevisionId": revision_id,
        "DryRun": dry_run or None,
    }
    return _change("PUT", f"{_path(name)}/code", members, wait_seconds=_UPLOAD_SECONDS)


def update_settings(
    name: str, settings: FunctionSettings, *, revision_id: str | None = None
) -> Operation[Function]:
    members = {**settings.to_wire(), "RevisionId": revision_id}
    return _change("PUT", f"{_path(name)}/configuration", members)


def get(name: str, *, qualifier: str | None = None) -> Operation[FunctionDetails]:
    request = Request("GET", _path(name), query(Qualifier=qualifier))
    return Operation(request, lambda answer: function_details(answer.json()))


def configuration(name: str, *, qualifier: str | None = None) -> Operation[Function]:
    request = Request("GET", f"{_path(name)}/configuration", query(Qualifier=qualifier))
    return Operation(request, _function)


def list_page(
    *, all_versions: bool = False, page_size: int | None = None, marker: str | None = None
) -> Operation[Page[Function]]:
    parameters = query(
        FunctionVersion="ALL" if all_versions else None, Marker=marker, MaxItems=page_size
    )
    return Operation(Request("GET", _ROOT, parameters), lambda answer: _page(answer, "Functions"))


def versions_page(
    name: str, *, page_size: int | None = None, marker: str | None = None
) -> Operation[Page[Function]]:
    parameters = query(Marker=marker, MaxItems=page_size)
    request = Request("GET", f"{_path(name)}/versions", parameters)
    return Operation(request, lambda answer: _page(answer, "Versions"))


def publish(
    name: str,
    *,
    description: str | None = None,
    code_sha256: str | None = None,
    revision_id: str | None = None,
) -> Operation[Function]:
    members = {
        "Description": description,
        "CodeSha256": code_sha256,
        "RevisionId": revision_id,
    }
    return _change("POST", f"{_path(name)}/versions", members)


def delete(name: str, *, qualifier: str | None = None) -> Operation[None]:
    return Operation(Request("DELETE", _path(name), query(Qualifier=qualifier)), nothing)


def reserve_concurrency(name: str, invocations: int) -> Operation[None]:
    body = json_body({"ReservedConcurrentExecutions": invocations})
    path = f"/2017-10-31/functions/{segment(name)}/concurrency"
    return Operation(Request("PUT", path, headers=_JSON, body=body), nothing)


def reserved_concurrency(name: str) -> Operation[int | None]:
    path = f"/2019-09-30/functions/{segment(name)}/concurrency"
    return Operation(
        Request("GET", path),
        lambda answer: answer.json().get("ReservedConcurrentExecutions"),
    )


def release_concurrency(name: str) -> Operation[None]:
    path = f"/2017-10-31/functions/{segment(name)}/concurrency"
    return Operation(Request("DELETE", path), nothing)


def tag(arn: str, tags: Mapping[str, str]) -> Operation[None]:
    body = json_body({"Tags": dict(tags)})
    return Operation(Request("POST", _tags(arn), headers=_JSON, body=body), nothing)


def untag(arn: str, keys: tuple[str, ...]) -> Operation[None]:
    wanted = tuple(("tagKeys", key) for key in keys)
    return Operation(Request("DELETE", _tags(arn), wanted), nothing)


def tags(arn: str) -> Operation[Mapping[str, str]]:
    return Operation(
        Request("GET", _tags(arn)), lambda answer: dict(answer.json().get("Tags") or {})
    )


def _path(name: str) -> str:
    return f"{_ROOT}/{segment(name)}"


def _tags(arn: str) -> str:
    return f"/2017-03-31/tags/{segment(arn)}"


def _change(
    method: str, path: str, members: Mapping[str, object], *, wait_seconds: float = 0.0
) -> Operation[Function]:
    request = Request(
        method, path, headers=_JSON, body=json_body(members), wait_seconds=wait_seconds
    )
    return Operation(request, _function)


def _function(answer: Answer) -> Function:
    return function(answer.json())


def _page(answer: Answer, member: str) -> Page[Function]:
    document = answer.json()
    return Page(tuple(map(function, document[member])), document.get("NextMarker"))
