"""Plain REST for people: the test events of a function."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from perdure_service.api.asgi import read_body
from perdure_service.api.openapi import raw_body
from perdure_service.api.wire.params import EventNamePath, FunctionNamePath
from perdure_service.api.wire.test_events import EventLines, EventView, event_lines, event_view
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.test_events import MAX_EVENT_BYTES


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(prefix="/v1/functions/{FunctionName}/test-events", tags=["Functions"])
    events = use_cases.test_events

    @routes.get("", summary="List the test events of a function, by name")
    async def list_events(function: FunctionNamePath) -> EventLines:
        return event_lines(await events.list_events(function))

    @routes.get("/{Event}", summary="One test event")
    async def get_event(function: FunctionNamePath, event: EventNamePath) -> EventView:
        return event_view(await events.get(function, event))

    @routes.put(
        "/{Event}",
        summary="Save a test event",
        openapi_extra=raw_body("The event: JSON of at most 1 MiB, kept as it is."),
    )
    async def put_event(
        function: FunctionNamePath, event: EventNamePath, request: Request
    ) -> EventView:
        body = await read_body(request.scope, request.receive, MAX_EVENT_BYTES + 1)
        return event_view(await events.put(function, event, body))

    @routes.delete("/{Event}", summary="Delete a test event", status_code=204)
    async def delete_event(function: FunctionNamePath, event: EventNamePath) -> Response:
        await events.delete(function, event)
        return Response(status_code=204)

    return routes
