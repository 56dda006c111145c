"""Lambda's API of durable executions, seen from outside: get, history, list, stop, pause, resume,
delete."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from perdure_service.api.asgi import read_body
from perdure_service.api.openapi import json_body
from perdure_service.api.wire.executions import (
    delete_answer,
    execution_answer,
    history_answer,
    list_answer,
    stop_answer,
)
from perdure_service.api.wire.params import (
    DEFAULT_ITEMS,
    ExecutionArnPath,
    FunctionNamePath,
    IncludeDataQuery,
    MarkerQuery,
    MaxItemsQuery,
    QualifierQuery,
    ReverseOrderQuery,
)
from perdure_service.api.wire.pause import (
    PAUSE_BODY,
    RESUME_BODY,
    parse_pause,
    parse_resume,
)
from perdure_service.api.wire.text import (
    ERROR_BODY_BYTES,
    ERROR_OBJECT_BODY,
    ExecutionName,
    parse_error_object,
)
from perdure_service.api.wire.times import QueryInstant
from perdure_service.application.list_executions import ListExecutions
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.limits import MEBIBYTE
from perdure_service.ports.search import ExecutionQuery

_JSON = "application/json"


def router(use_cases: UseCases, list_executions: ListExecutions) -> APIRouter:
    routes = APIRouter(prefix="/2025-12-01", tags=["Lambda: durable executions"])

    @routes.get("/durable-executions/{DurableExecutionArn}", summary="GetDurableExecution")
    async def get_execution(
        arn: ExecutionArnPath, include_data: IncludeDataQuery = True
    ) -> Response:
        execution = await use_cases.read_execution(arn)
        return Response(execution_answer(execution, include_data=include_data), media_type=_JSON)

    @routes.get(
        "/durable-executions/{DurableExecutionArn}/history", summary="GetDurableExecutionHistory"
    )
    async def get_history(
        arn: ExecutionArnPath,
        include_data: IncludeDataQuery = True,
        marker: MarkerQuery = None,
        max_items: MaxItemsQuery = DEFAULT_ITEMS,
        reverse: ReverseOrderQuery = False,
    ) -> Response:
        page = await use_cases.read_history(
            arn,
            marker=marker,
            max_items=max_items or DEFAULT_ITEMS,
            reverse=reverse,
            include_data=include_data,
        )
        return Response(history_answer(page, include_data=include_data), media_type=_JSON)

    @routes.post(
        "/durable-executions/{DurableExecutionArn}/stop",
        summary="StopDurableExecution",
        openapi_extra=json_body(ERROR_OBJECT_BODY, required=False),
    )
    async def stop_execution(arn: ExecutionArnPath, request: Request) -> Response:
        error = parse_error_object(
            await read_body(request.scope, request.receive, ERROR_BODY_BYTES)
        )
        return Response(stop_answer(await use_cases.stop(arn, error)), media_type=_JSON)

    @routes.post(
        "/durable-executions/{DurableExecutionArn}/pause",
        summary="PauseDurableExecution",
        status_code=202,
        openapi_extra=json_body(PAUSE_BODY, required=False),
    )
    async def pause_execution(arn: ExecutionArnPath, request: Request) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        await use_cases.pause(arn, parse_pause(body))
        return Response(status_code=202)

    @routes.post(
        "/durable-executions/{DurableExecutionArn}/resume",
        summary="ResumeDurableExecution",
        status_code=202,
        openapi_extra=json_body(RESUME_BODY, required=False),
    )
    async def resume_execution(arn: ExecutionArnPath, request: Request) -> Response:
        body = await read_body(request.scope, request.receive, MEBIBYTE)
        await use_cases.resume(arn, parse_resume(body))
        return Response(status_code=202)

    @routes.delete(
        "/durable-executions/{DurableExecutionArn}",
        summary="DeleteDurableExecution",
        status_code=202,
    )
    async def delete_execution(arn: ExecutionArnPath) -> Response:
        return Response(delete_answer(await use_cases.delete(arn)), 202, media_type=_JSON)

    @routes.get(
        "/functions/{FunctionName}/durable-executions", summary="ListDurableExecutionsByFunction"
    )
    async def list_by_function(
        function: FunctionNamePath,
        qualifier: QualifierQuery = None,
        name: Annotated[ExecutionName | None, Query(alias="DurableExecutionName")] = None,
        statuses: Annotated[
            list[ExecutionStatus] | None, Query(alias="Statuses", min_length=1, max_length=10)
        ] = None,
        started_after: Annotated[QueryInstant | None, Query(alias="StartedAfter")] = None,
        started_before: Annotated[QueryInstant | None, Query(alias="StartedBefore")] = None,
        reverse: ReverseOrderQuery = False,
        marker: MarkerQuery = None,
        max_items: MaxItemsQuery = DEFAULT_ITEMS,
    ) -> Response:
        found = await use_cases.functions.get(function, qualifier)
        # One that was deleted before this function was created is another one.
        since = (await use_cases.function_settings.function(function)).created_at
        query = ExecutionQuery(
            function_name=found.version.function_name,
            version=found.version.version if found.qualifier is not None else None,
            name=name,
            statuses=tuple(statuses or ()),
            started_after=max(since, started_after or since),
            started_before=started_before,
            oldest_first=reverse,
            limit=max_items or DEFAULT_ITEMS,
        )
        return Response(list_answer(await list_executions(query, marker)), media_type=_JSON)

    return routes
