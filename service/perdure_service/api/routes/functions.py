"""Lambda's API of functions and their versions."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query, Request, Response

from perdure_service.api.asgi import UPLOAD_SECONDS, read_body
from perdure_service.api.json_response import json_response
from perdure_service.api.large_bodies import LargeBodies
from perdure_service.api.openapi import json_body
from perdure_service.api.wire.function_configuration import (
    function_answer,
    function_configuration,
    resolved_configuration,
    versions_page,
)
from perdure_service.api.wire.functions import (
    CREATE_FUNCTION_BODY,
    PUBLISH_VERSION_BODY,
    UPDATE_CODE_BODY,
    UPDATE_CONFIGURATION_BODY,
    parse_create_function,
    parse_publish_version,
    parse_update_code,
    parse_update_configuration,
)
from perdure_service.api.wire.params import (
    MAX_PAGE_ITEMS,
    FunctionNamePath,
    MarkerQuery,
    MaxListItemsQuery,
    QualifierQuery,
)
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.errors import RequestTooLarge
from perdure_service.domain.limits import MEBIBYTE

MAX_UPLOAD_BYTES = 70_167_211
"""Lambda's: a zip of 50 MiB in base64, and the rest of the request."""

_UPLOADS_AT_ONCE = 8
"""Each may take four times its size of memory. The others are not read until it is their turn."""


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(prefix="/2015-03-31/functions", tags=["Lambda: functions"])
    functions, settings = use_cases.functions, use_cases.function_settings
    uploads, bodies = asyncio.Semaphore(_UPLOADS_AT_ONCE), LargeBodies()

    @routes.post(
        "", summary="CreateFunction", status_code=201, openapi_extra=json_body(CREATE_FUNCTION_BODY)
    )
    async def create_function(request: Request) -> Response:
        async with uploads:
            body = await _read_upload(request, "CreateFunction")
            created = await functions.create(await bodies.parse(body, parse_create_function))
        return json_response(function_configuration(created), 201)

    @routes.get("", summary="ListFunctions")
    async def list_functions(
        marker: MarkerQuery = None,
        max_items: MaxListItemsQuery = MAX_PAGE_ITEMS,
        versions: Annotated[Literal["ALL"] | None, Query(alias="FunctionVersion")] = None,
    ) -> Response:
        limit = min(max_items, MAX_PAGE_ITEMS)
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
        return json_response(shape)

    @routes.get("/{FunctionName}", summary="GetFunction")
    async def get_function(
        function: FunctionNamePath, request: Request, qualifier: QualifierQuery = None
    ) -> Response:
        found = await functions.get(function, qualifier)
        owner = await settings.function(function)
        return json_response(function_answer(found, owner, str(request.base_url)))

    @routes.delete("/{FunctionName}", summary="DeleteFunction", status_code=204)
    async def delete_function(
        function: FunctionNamePath, qualifier: QualifierQuery = None
    ) -> Response:
        await functions.delete(function, qualifier)
        return Response(status_code=204)

    @routes.get("/{FunctionName}/configuration", summary="GetFunctionConfiguration")
    async def get_configuration(
        function: FunctionNamePath, qualifier: QualifierQuery = None
    ) -> Response:
        return json_response(resolved_configuration(await functions.get(function, qualifier)))

    @routes.put(
        "/{FunctionName}/configuration",
        summary="UpdateFunctionConfiguration",
        openapi_extra=json_body(UPDATE_CONFIGURATION_BODY),
    )
    async def update_configuration(function: FunctionNamePath, request: Request) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        change, revision_id = parse_update_configuration(body)
        updated = await functions.update_configuration(function, change, revision_id)
        return json_response(function_configuration(updated))

    @routes.put(
        "/{FunctionName}/code",
        summary="UpdateFunctionCode",
        openapi_extra=json_body(UPDATE_CODE_BODY),
    )
    async def update_code(function: FunctionNamePath, request: Request) -> Response:
        async with uploads:
            body = await _read_upload(request, "UpdateFunctionCode")
            change = await bodies.parse(body, lambda body: parse_update_code(function, body))
            updated = await functions.update_code(change)
        return json_response(function_configuration(updated, qualified=change.publish))

    @routes.post(
        "/{FunctionName}/versions",
        summary="PublishVersion",
        status_code=201,
        openapi_extra=json_body(PUBLISH_VERSION_BODY, required=False),
    )
    async def publish_version(function: FunctionNamePath, request: Request) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        published = await functions.publish(parse_publish_version(function, body))
        return json_response(function_configuration(published, qualified=True), 201)

    @routes.get("/{FunctionName}/versions", summary="ListVersionsByFunction")
    async def list_versions(
        function: FunctionNamePath,
        marker: MarkerQuery = None,
        max_items: MaxListItemsQuery = MAX_PAGE_ITEMS,
    ) -> Response:
        versions = await functions.list_versions(function)
        return json_response(versions_page(versions, marker, min(max_items, MAX_PAGE_ITEMS)))

    return routes


async def _read_upload(request: Request, operation: str) -> bytes:
    try:
        return await read_body(request.scope, request.receive, MAX_UPLOAD_BYTES, UPLOAD_SECONDS)
    except RequestTooLarge:
        raise RequestTooLarge(
            f"Request must be smaller than {MAX_UPLOAD_BYTES} bytes for the {operation} operation. "
            "Larger code comes from a bucket: S3Bucket and S3Key."
        ) from None
