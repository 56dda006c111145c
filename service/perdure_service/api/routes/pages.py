"""What a browser or a health check asks for: the front page, health, readiness, the docs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRouter
from pydantic_core import to_json
from starlette.responses import HTMLResponse

from perdure_service.api.html import docs_page, front_page


@dataclass(frozen=True, slots=True)
class Readiness:
    """Whether the service can do its work, and what it found, by subject."""

    ok: bool
    details: Mapping[str, object]


def router(api: FastAPI, ready: Callable[[], Readiness]) -> APIRouter:
    routes = APIRouter(tags=["Health"])

    @routes.get("/", include_in_schema=False)
    async def front(request: Request) -> HTMLResponse:
        return HTMLResponse(front_page(api.version, str(request.base_url)))

    @routes.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return HTMLResponse(docs_page(api.openapi()))

    @routes.get("/health", summary="The process answers")
    async def health() -> Response:
        return Response(b'{"status":"ok"}', media_type="application/json")

    @routes.get("/ready", summary="The service can do its work; 503 and why if not")
    async def readiness() -> Response:
        found = ready()
        body = to_json({"ready": found.ok, **found.details}, fallback=str)
        return Response(body, 200 if found.ok else 503, media_type="application/json")

    return routes
