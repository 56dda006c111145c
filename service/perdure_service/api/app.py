"""The whole API as one ASGI callable: hot routes first, FastAPI for the rest."""

from __future__ import annotations

import logging
from collections.abc import Callable, MutableMapping
from importlib import metadata
from typing import Any

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from perdure_service.api.asgi import Answer, ClientGone, send_answer
from perdure_service.api.cloudwatch_logs import CloudWatchLogs
from perdure_service.api.errors import error_answer
from perdure_service.api.hot import Exchange, HotRoutes
from perdure_service.api.openapi import DocumentedApi
from perdure_service.api.paths import checked_query, one_segment
from perdure_service.api.routes import (
    aliases,
    callbacks,
    dead_letters,
    executions,
    function_logs,
    function_settings,
    functions,
    pages,
    response_stream,
    rest,
    test_events,
    workers,
)
from perdure_service.api.routes.pages import Readiness
from perdure_service.api.stale_tokens import StaleTokens
from perdure_service.api.throttle import Throttle, ThrottledRoutes
from perdure_service.api.unserved import unknown_operation
from perdure_service.api.wire.violations import refusal
from perdure_service.application.list_executions import ListExecutions
from perdure_service.application.markers import Markers
from perdure_service.application.randomness import random_uuid
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.errors import DomainError
from perdure_service.domain.token_text import TokenText

__all__ = ["Readiness", "build_app"]

logger = logging.getLogger(__name__)

_DESCRIPTION = """AWS Lambda durable functions, self-hosted. Paths that begin with a date are \
Lambda's own API, for AWS's SDKs and command line; `/v1` is plain REST for people and workers."""


def build_app(
    use_cases: UseCases,
    *,
    ready: Callable[[], Readiness],
    markers: Markers,
    throttle: Throttle | None = None,
    token_text: TokenText = TokenText.CLIENT,
) -> ASGIApp:
    """The API of one service. `ready` answers GET /ready; `throttle` limits Lambda's operations;
    `token_text` are the words that refuse a stale token."""
    api = DocumentedApi(
        title="Perdure",
        version=metadata.version("perdure"),
        description=_DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    lists = ListExecutions(use_cases.search, markers)
    api.include_router(pages.router(api, ready))
    api.include_router(rest.router(use_cases, lists))
    api.include_router(dead_letters.router(use_cases.dead_letters))
    limited = [Depends(throttle.check)] if throttle else []
    api.include_router(executions.router(use_cases, lists), dependencies=limited)
    api.include_router(callbacks.router(use_cases), dependencies=limited)
    for room in (functions, aliases, function_settings, test_events, response_stream):
        api.include_router(room.router(use_cases))
    api.include_router(workers.router(use_cases))
    api.include_router(function_logs.router(use_cases.function_logs))
    for kind in (DomainError, RequestValidationError, HTTPException, ClientGone, Exception):
        api.add_exception_handler(kind, _answer_error)
    hot = HotRoutes(use_cases)
    routes = ThrottledRoutes(hot, throttle) if throttle else hot
    cloudwatch_logs = CloudWatchLogs(use_cases.log_groups, use_cases.log_events)
    return Service(api, routes, cloudwatch_logs, StaleTokens(token_text))


class Service:
    """Gives every request an id, and serves the hot routes itself."""

    def __init__(
        self,
        api: FastAPI,
        hot: HotRoutes | ThrottledRoutes,
        cloudwatch_logs: CloudWatchLogs,
        stale_tokens: StaleTokens,
    ) -> None:
        self._api = api
        self._hot = hot
        self._cloudwatch_logs = cloudwatch_logs
        self._stale_tokens = stale_tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._api(scope, receive, send)
            return
        id_header = (b"x-amzn-requestid", random_uuid().encode())
        path: bytes = scope["raw_path"]
        found = self._hot.find(scope["method"], path)
        if found is None and path == b"/" and scope["method"] == "POST":
            found = self._cloudwatch_logs, ()
        try:
            if found is None:
                await self._serve_rest(scope, path, receive, _with_header(send, id_header))
                return
            endpoint, names = found
            answer = await endpoint(Exchange(scope, receive, names))
        except ClientGone:
            return
        except Exception as error:
            worded = self._stale_tokens.worded(error, scope["headers"])
            answer = error_answer(worded, _named(scope))
        await send_answer(scope, send, answer, id_header)

    async def _serve_rest(self, scope: Scope, path: bytes, receive: Receive, send: Send) -> None:
        shown: MutableMapping[str, Any] = {
            **scope,
            "path": one_segment(path).decode("latin-1"),
            "query_string": checked_query(scope["query_string"]),
        }
        try:
            await self._api(shown, receive, send)
        except Exception:
            # Starlette raises what has been answered and logged already once more.
            logger.debug("answered: %s", _named(scope), exc_info=True)


def _with_header(send: Send, header: tuple[bytes, bytes]) -> Send:
    async def send_with_header(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), header]
        await send(message)

    return send_with_header


async def _answer_error(request: Request, error: Exception) -> Response:
    answer = _translated(error, request)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, answer.status, headers, answer.content_type.decode())


def _translated(error: Exception, request: Request) -> Answer:
    match error:
        case ClientGone():
            return Answer(400)
        case RequestValidationError():
            error = refusal(error)
        case HTTPException():
            error = unknown_operation(request.method, request.scope["path"])
    return error_answer(error, _named(request.scope))


def _named(scope: Scope) -> str:
    return f"{scope['method']} {scope['raw_path'].decode('latin-1')}"
