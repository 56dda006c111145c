"""Plain REST for the events of failed asynchronous executions that have not arrived."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Request, Response

from perdure_service.api.wire.dead_letters import DeadLetterViews, dead_letter_views
from perdure_service.api.wire.params import ExecutionIdPath
from perdure_service.application.dead_letters import ManageDeadLetters

Limit = Annotated[int, Query(ge=1, le=100)]
After = Annotated[str | None, Query(description="That of `next`, the path of the next page.")]


def router(letters: ManageDeadLetters) -> APIRouter:
    routes = APIRouter(prefix="/v1/dead-letters", tags=["Dead letters"])

    @routes.get("", summary="List those on their way or given up", response_model_exclude_none=True)
    async def list_all(request: Request, limit: Limit = 20, after: After = None) -> DeadLetterViews:
        found = await letters.find(after=after, limit=limit + 1)
        shown = found[:limit]
        url = request.url.include_query_params(after=shown[-1].execution_id) if shown else None
        more = url is not None and len(found) > limit
        return dead_letter_views(shown, f"{url.path}?{url.query}" if url and more else None)

    @routes.post("/{ExecutionId}/deliver", summary="Deliver one now, with all its tries before it")
    async def deliver(execution_id: ExecutionIdPath) -> Response:
        await letters.restart(execution_id)
        return Response(status_code=202)

    @routes.delete("/{ExecutionId}", summary="Throw one away")
    async def discard(execution_id: ExecutionIdPath) -> Response:
        await letters.discard(execution_id)
        return Response(status_code=204)

    return routes
