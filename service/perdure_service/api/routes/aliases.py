"""Lambda's API of aliases."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from perdure_service.api.asgi import read_body
from perdure_service.api.json_response import json_response
from perdure_service.api.openapi import json_body
from perdure_service.api.wire.aliases import (
    CREATE_ALIAS_BODY,
    UPDATE_ALIAS_BODY,
    VersionNumber,
    alias_configuration,
    aliases_page,
    parse_create_alias,
    parse_update_alias,
)
from perdure_service.api.wire.params import (
    MAX_PAGE_ITEMS,
    AliasNamePath,
    FunctionNamePath,
    MarkerQuery,
    MaxListItemsQuery,
)
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.limits import MEBIBYTE


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(
        prefix="/2015-03-31/functions/{FunctionName}/aliases", tags=["Lambda: functions"]
    )
    aliases = use_cases.aliases

    @routes.post(
        "", summary="CreateAlias", status_code=201, openapi_extra=json_body(CREATE_ALIAS_BODY)
    )
    async def create_alias(function: FunctionNamePath, request: Request) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        created = await aliases.create(parse_create_alias(function, body))
        return json_response(alias_configuration(created), 201)

    @routes.get("", summary="ListAliases")
    async def list_aliases(
        function: FunctionNamePath,
        version: Annotated[VersionNumber | None, Query(alias="FunctionVersion")] = None,
        marker: MarkerQuery = None,
        max_items: MaxListItemsQuery = MAX_PAGE_ITEMS,
    ) -> Response:
        found = await aliases.list_aliases(function, version)
        return json_response(aliases_page(found, marker, min(max_items, MAX_PAGE_ITEMS)))

    @routes.get("/{Name}", summary="GetAlias")
    async def get_alias(function: FunctionNamePath, name: AliasNamePath) -> Response:
        return json_response(alias_configuration(await aliases.get(function, name)))

    @routes.put("/{Name}", summary="UpdateAlias", openapi_extra=json_body(UPDATE_ALIAS_BODY))
    async def update_alias(
        function: FunctionNamePath, name: AliasNamePath, request: Request
    ) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        updated = await aliases.update(parse_update_alias(function, name, body))
        return json_response(alias_configuration(updated))

    @routes.delete("/{Name}", summary="DeleteAlias", status_code=204)
    async def delete_alias(function: FunctionNamePath, name: AliasNamePath) -> Response:
        await aliases.delete(function, name)
        return Response(status_code=204)

    return routes
