"""Plain REST for what functions write."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request

from perdure_service.api.asgi import WhileConnected
from perdure_service.api.wire.function_logs import LogLineViews, log_line_views
from perdure_service.api.wire.params import DEFAULT_ITEMS, ExecutionArnPath, FunctionNamePath
from perdure_service.api.wire.text import StorableText
from perdure_service.application.function_logs import LogQuery, ReadFunctionLogs

_LONGEST_WAIT_SECONDS = 60


def _query(
    request_id: Annotated[str | None, Query(description="Of one invocation.")] = None,
    operation_id: Annotated[StorableText | None, Query(max_length=64)] = None,
    after: Annotated[str | None, Query(description="The `cursor` of the last answer.")] = None,
    newest: Annotated[bool, Query(description="Begin with the newest, not the oldest.")] = False,
    limit: Annotated[int, Query(ge=1, le=1_000)] = DEFAULT_ITEMS,
    wait_seconds: Annotated[
        float, Query(ge=0, le=_LONGEST_WAIT_SECONDS, description="For the first line.")
    ] = 0,
) -> LogQuery:
    return LogQuery(
        request_id=request_id,
        operation_id=operation_id,
        cursor=after,
        newest=newest,
        limit=limit,
        wait_seconds=wait_seconds,
    )


Lines = Annotated[LogQuery, Depends(_query)]


def router(logs: ReadFunctionLogs) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Logs"])

    @routes.get(
        "/executions/{DurableExecutionArn}/logs",
        summary="What the function wrote in one execution",
        response_model_exclude_none=True,
    )
    async def of_execution(arn: ExecutionArnPath, query: Lines, request: Request) -> LogLineViews:
        async with WhileConnected(request.receive):
            return log_line_views(await logs.of_execution(arn, query))

    @routes.get(
        "/functions/{FunctionName}/logs",
        summary="What a function wrote, in all its versions",
        response_model_exclude_none=True,
    )
    async def of_function(name: FunctionNamePath, query: Lines, request: Request) -> LogLineViews:
        async with WhileConnected(request.receive):
            return log_line_views(await logs.of_function(name, query))

    return routes
