"""Plain REST for people with curl: executions of all functions, in a readable form."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request

from perdure_service.api.wire.params import DEFAULT_ITEMS, ExecutionArnPath
from perdure_service.api.wire.rest import (
    EventLines,
    ExecutionLines,
    ExecutionView,
    event_lines,
    execution_lines,
    execution_view,
)
from perdure_service.api.wire.text import StorableText
from perdure_service.api.wire.times import QueryInstant
from perdure_service.application.list_executions import ListExecutions
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.ports.search import ExecutionQuery

Limit = Annotated[int, Query(ge=1, le=1_000)]
Marker = Annotated[str | None, Query(description="That of `next`, the path of the next page.")]


def router(use_cases: UseCases, list_executions: ListExecutions) -> APIRouter:
    routes = APIRouter(prefix="/v1/executions", tags=["Executions"])

    @routes.get("", summary="List executions of all functions, newest first")
    async def list_all(
        request: Request,
        function: Annotated[StorableText | None, Query()] = None,
        name_prefix: Annotated[StorableText | None, Query()] = None,
        status: Annotated[list[ExecutionStatus] | None, Query()] = None,
        started_after: Annotated[QueryInstant | None, Query()] = None,
        started_before: Annotated[QueryInstant | None, Query()] = None,
        oldest_first: Annotated[bool, Query()] = False,
        limit: Limit = DEFAULT_ITEMS,
        marker: Marker = None,
    ) -> ExecutionLines:
        query = ExecutionQuery(
            function_name=function,
            name_prefix=name_prefix,
            statuses=tuple(status or ()),
            started_after=started_after,
            started_before=started_before,
            oldest_first=oldest_first,
            limit=limit,
        )
        listed = await list_executions(query, marker)
        return execution_lines(listed, _next_path(request, listed.next_marker))

    @routes.get(
        "/{DurableExecutionArn}",
        summary="One execution, its operations, its last error",
        response_model_exclude_none=True,
    )
    async def get_one(arn: ExecutionArnPath) -> ExecutionView:
        execution = await use_cases.read_execution(arn)
        return execution_view(execution, use_cases.invoke.clock.now())

    @routes.get(
        "/{DurableExecutionArn}/history",
        summary="The log of one execution",
        response_model_exclude_none=True,
    )
    async def get_history(
        arn: ExecutionArnPath,
        request: Request,
        newest_first: Annotated[bool, Query()] = False,
        limit: Limit = DEFAULT_ITEMS,
        marker: Marker = None,
    ) -> EventLines:
        page = await use_cases.read_history(
            arn, marker=marker, max_items=limit, reverse=newest_first
        )
        return event_lines(page, _next_path(request, page.next_marker))

    return routes


def _next_path(request: Request, marker: str | None) -> str | None:
    if marker is None:
        return None
    url = request.url.include_query_params(marker=marker)
    return f"{url.path}?{url.query}"
