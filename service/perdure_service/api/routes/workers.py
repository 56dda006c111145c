"""The worker protocol's rarer calls: register, leave, code. Poll, result and heartbeat are hot."""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request, Response

from perdure_service.api.asgi import UPLOAD_SECONDS, read_body
from perdure_service.api.openapi import json_body, raw_body
from perdure_service.api.wire.params import Sha256Path, WorkerIdPath
from perdure_service.api.wire.worker_views import WorkerViews, worker_views
from perdure_service.api.wire.workers import (
    REGISTRATION_BODY,
    parse_registration,
    registration_answer,
    worker_id,
)
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.code_archive import MAX_CODE_BYTES
from perdure_service.domain.limits import MEBIBYTE

_JSON = "application/json"


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(prefix="/v1", tags=["Workers"])
    workers, serve, code = use_cases.workers, use_cases.serve, use_cases.code

    @routes.post(
        "/workers", summary="Register a worker", openapi_extra=json_body(REGISTRATION_BODY)
    )
    async def register(request: Request) -> Response:
        arrived_at = asyncio.get_running_loop().time()
        registration = parse_registration(await read_body(request.scope, request.receive, MEBIBYTE))
        versions = [await serve(function) for function in registration.functions]
        for dead in registration.replaces:
            await workers.died(dead)
        await workers.register(registration.card, registration.held, arrived_at)
        missing = [await serve.is_code_missing(version) for version in versions]
        return Response(
            registration_answer(workers, list(zip(versions, missing, strict=True))),
            media_type=_JSON,
        )

    @routes.get("/workers", summary="List the workers that live, and what they serve")
    async def list_workers() -> WorkerViews:
        return worker_views(await use_cases.find_workers())

    @routes.delete("/workers/{WorkerId}", summary="A worker has drained and goes")
    async def leave(worker: WorkerIdPath) -> Response:
        await workers.leave(worker_id(worker))
        return Response(b"{}", media_type=_JSON)

    @routes.put(
        "/code/{Sha256}",
        summary="Store a zip under its SHA-256",
        status_code=201,
        openapi_extra=raw_body("A zip archive of at most 64 MiB."),
    )
    async def put_code(sha256: Sha256Path, request: Request) -> Response:
        archive = await read_body(request.scope, request.receive, MAX_CODE_BYTES, UPLOAD_SECONDS)
        await code.put(sha256, archive)
        return Response(b"{}", 201, media_type=_JSON)

    @routes.get("/code/{Sha256}", summary="Fetch a zip by its SHA-256")
    async def get_code(sha256: Sha256Path) -> Response:
        return Response(await code.get(sha256), media_type="application/zip")

    return routes
