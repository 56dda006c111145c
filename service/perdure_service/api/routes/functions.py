"""Lambda's API of functions and their versions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response
from pydantic_core import to_json

from perdure_service.api.asgi import read_body
from perdure_service.api.openapi import json_body
from perdure_service.api.wire.functions import (
    CREATE_FUNCTION_BODY,
    PUBLISH_VERSION_BODY,
    code_location,
    function_configuration,
    parse_create_function,
    parse_publish_version,
    resolved_configuration,
    versions_page,
)
from perdure_service.api.wire.params import FunctionNamePath, MarkerQuery, QualifierQuery
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.limits import MEBIBYTE

_BODY_BYTES = 70 * MEBIBYTE
"""A zip may come along; it is read, so that its refusal says what to do instead."""

_PAGE_ITEMS = 50

MaxListItemsQuery = Annotated[int, Query(alias="MaxItems", ge=1, le=10_000)]


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(prefix="/2015-03-31/functions", tags=["Lambda: functions"])
    functions = use_cases.functions

    @routes.post(
        "", summary="CreateFunction", status_code=201, openapi_extra=json_body(CREATE_FUNCTION_BODY)
    )
    async def create_function(request: Request) -> Response:
        body = await read_body(request.scope, request.receive, _BODY_BYTES)
        created = await functions.create(parse_create_function(body))
        return _json(function_configuration(created, qualified=False), 201)

    @routes.get("", summary="ListFunctions")
    async def list_functions(
        marker: MarkerQuery = None,
        max_items: MaxListItemsQuery = _PAGE_ITEMS,
        versions: Annotated[Literal["ALL"] | None, Query(alias="FunctionVersion")] = None,
    ) -> Response:
        limit = min(max_items, _PAGE_ITEMS)
        found = await functions.list_functions(after=marker or "", limit=limit + 1)
        listed = found[:limit]
        if versions == "ALL":
            listed = [
                version
                for latest in listed
                for version in await functions.list_versions(latest.function_name)
            ]
        shape: dict[str, Any] = {
            "Functions": [
                function_configuration(version, qualified=versions == "ALL") for version in listed
            ]
        }
        if len(found) > limit:
            shape["NextMarker"] = found[limit - 1].function_name
        return _json(shape)

    @routes.get("/{FunctionName}", summary="GetFunction")
    async def get_function(
        function: FunctionNamePath, request: Request, qualifier: QualifierQuery = None
    ) -> Response:
        found = await functions.get(function, qualifier)
        return _json(
            {
                "Configuration": resolved_configuration(found),
                "Code": code_location(found.version, str(request.base_url)),
            }
        )

    @routes.get("/{FunctionName}/configuration", summary="GetFunctionConfiguration")
    async def get_configuration(
        function: FunctionNamePath, qualifier: QualifierQuery = None
    ) -> Response:
        return _json(resolved_configuration(await functions.get(function, qualifier)))

    @routes.post(
        "/{FunctionName}/versions",
        summary="PublishVersion",
        status_code=201,
        openapi_extra=json_body(PUBLISH_VERSION_BODY, required=False),
    )
    async def publish_version(function: FunctionNamePath, request: Request) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        published = await functions.publish(parse_publish_version(function, body))
        return _json(function_configuration(published, qualified=True), 201)

    @routes.get("/{FunctionName}/versions", summary="ListVersionsByFunction")
    async def list_versions(
        function: FunctionNamePath,
        marker: MarkerQuery = None,
        max_items: MaxListItemsQuery = _PAGE_ITEMS,
    ) -> Response:
        versions = await functions.list_versions(function)
        return _json(versions_page(versions, marker, min(max_items, _PAGE_ITEMS)))

    return routes


def _json(shape: dict[str, Any], status: int = 200) -> Response:
    return Response(to_json(shape), status, media_type="application/json")
