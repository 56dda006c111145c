"""Lambda's API of what is true of a function as a whole, and of the account."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from perdure_service.api.asgi import read_body
from perdure_service.api.json_response import json_response
from perdure_service.api.openapi import json_body
from perdure_service.api.wire.function_settings import (
    CONCURRENCY_BODY,
    TAGS_BODY,
    account_settings,
    concurrency,
    parse_concurrency,
    parse_tags,
)
from perdure_service.api.wire.params import FunctionNamePath, ResourcePath
from perdure_service.api.wire.text import StorableText
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.limits import MEBIBYTE

TagKeysQuery = Annotated[list[StorableText], Query(alias="tagKeys", min_length=1, max_length=200)]


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(tags=["Lambda: functions"])
    settings = use_cases.function_settings

    @routes.put(
        "/2017-10-31/functions/{FunctionName}/concurrency",
        summary="PutFunctionConcurrency",
        openapi_extra=json_body(CONCURRENCY_BODY),
    )
    async def put_concurrency(function: FunctionNamePath, request: Request) -> Response:
        limit = parse_concurrency(await read_body(request.scope, request.receive, MEBIBYTE))
        await settings.reserve_concurrency(function, limit)
        return json_response(concurrency(limit))

    @routes.get(
        "/2019-09-30/functions/{FunctionName}/concurrency", summary="GetFunctionConcurrency"
    )
    async def get_concurrency(function: FunctionNamePath) -> Response:
        return json_response(concurrency((await settings.function(function)).reserved_concurrency))

    @routes.delete(
        "/2017-10-31/functions/{FunctionName}/concurrency",
        summary="DeleteFunctionConcurrency",
        status_code=204,
    )
    async def delete_concurrency(function: FunctionNamePath) -> Response:
        await settings.reserve_concurrency(function, None)
        return Response(status_code=204)

    @routes.get("/2017-03-31/tags/{Resource}", summary="ListTags")
    async def list_tags(arn: ResourcePath) -> Response:
        return json_response({"Tags": dict(await settings.tags(arn))})

    @routes.post(
        "/2017-03-31/tags/{Resource}",
        summary="TagResource",
        status_code=204,
        openapi_extra=json_body(TAGS_BODY),
    )
    async def tag_resource(arn: ResourcePath, request: Request) -> Response:
        tags = parse_tags(await read_body(request.scope, request.receive, MEBIBYTE))
        await settings.tag(arn, tags)
        return Response(status_code=204)

    @routes.delete("/2017-03-31/tags/{Resource}", summary="UntagResource", status_code=204)
    async def untag_resource(arn: ResourcePath, keys: TagKeysQuery) -> Response:
        await settings.untag(arn, keys)
        return Response(status_code=204)

    @routes.get("/2016-08-19/account-settings", summary="GetAccountSettings")
    async def get_account_settings() -> Response:
        return json_response(account_settings(await settings.usage()))

    return routes
