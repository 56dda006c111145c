"""InvokeWithResponseStream, for plain functions. The response is whole when its stream begins."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from perdure_service.api.asgi import WhileConnected, read_body
from perdure_service.api.openapi import raw_body
from perdure_service.api.wire.event_stream import EVENT_STREAM, response_stream
from perdure_service.api.wire.invoke import InvocationType, parse_invoke
from perdure_service.api.wire.params import FunctionNamePath, QualifierQuery
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.errors import InvalidParameterValue


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(tags=["Lambda: functions"])
    invoke = use_cases.invoke

    @routes.post(
        "/2021-11-15/functions/{FunctionName}/response-streaming-invocations",
        summary="InvokeWithResponseStream",
        openapi_extra=raw_body("The payload: JSON, kept byte for byte."),
    )
    async def invoke_with_response_stream(
        function: FunctionNamePath, request: Request, qualifier: QualifierQuery = None
    ) -> Response:
        body = await read_body(request.scope, request.receive, invoke.limits.sync_input_bytes)
        query = {} if qualifier is None else {"Qualifier": qualifier}
        call = parse_invoke(function, query, request.scope["headers"], body)
        found = await use_cases.functions.get(function, qualifier)
        if found.version.durable is not None:
            raise InvalidParameterValue(
                "The response of a durable function cannot be streamed: call Invoke."
            )
        if call.type is InvocationType.DRY_RUN:
            await invoke.dry_run(function, qualifier)
            return Response(status_code=204)
        if call.type is InvocationType.EVENT:
            raise InvalidParameterValue(
                "A response that is streamed is waited for: leave out the invocation type, or call "
                "Invoke with Event."
            )
        async with WhileConnected(request.receive):
            answer = await invoke(call.request)
        headers = {"X-Amz-Executed-Version": answer.executed_version}
        return Response(response_stream(answer), 200, headers, EVENT_STREAM)

    return routes
