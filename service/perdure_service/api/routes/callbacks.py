"""Lambda's API of callbacks: somebody outside completes one, or says that it lives."""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from perdure_service.api.asgi import read_body
from perdure_service.api.openapi import json_body, raw_body
from perdure_service.api.wire.params import CallbackIdPath
from perdure_service.api.wire.text import (
    ERROR_BODY_BYTES,
    ERROR_OBJECT_BODY,
    parse_error_object,
    parse_text,
)
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.limits import MEBIBYTE

_RESULT_BODY_BYTES = 2 * MEBIBYTE
"""Above the limit of a result, so that the refusal names that one."""


def router(use_cases: UseCases) -> APIRouter:
    routes = APIRouter(prefix="/2025-12-01/durable-execution-callbacks", tags=["Lambda: callbacks"])

    @routes.post(
        "/{CallbackId}/succeed",
        summary="SendDurableExecutionCallbackSuccess",
        openapi_extra=raw_body("The result, kept byte for byte."),
    )
    async def succeed(callback_id: CallbackIdPath, request: Request) -> Response:
        result = parse_text(await read_body(request.scope, request.receive, _RESULT_BODY_BYTES))
        await use_cases.callbacks.succeed(callback_id, result)
        return _done()

    @routes.post(
        "/{CallbackId}/fail",
        summary="SendDurableExecutionCallbackFailure",
        openapi_extra=json_body(ERROR_OBJECT_BODY, required=False),
    )
    async def fail(callback_id: CallbackIdPath, request: Request) -> Response:
        error = parse_error_object(
            await read_body(request.scope, request.receive, ERROR_BODY_BYTES)
        )
        await use_cases.callbacks.fail(callback_id, error)
        return _done()

    @routes.post("/{CallbackId}/heartbeat", summary="SendDurableExecutionCallbackHeartbeat")
    async def heartbeat(callback_id: CallbackIdPath) -> Response:
        await use_cases.callbacks.heartbeat(callback_id)
        return _done()

    return routes


def _done() -> Response:
    return Response(b"{}", media_type="application/json")
