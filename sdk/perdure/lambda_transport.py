"""How a durable function reaches its service when Lambda's runtime calls it."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from perdure.service_api import (
    CheckpointAnswer,
    DurableService,
    InvocationOutput,
    OperationUpdate,
    ServiceCallFailed,
    StatePage,
)

if TYPE_CHECKING:
    from perdure.execution import DurableFunction

T = TypeVar("T")


class _Loop:
    """An event loop in a thread of its own, and the connections that live on it: one a process."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """In a fork: the thread is not there."""
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._service: DurableService | None = None

    def run(
        self,
        function: DurableFunction,
        event: Any,
        context: Any,
        service: DurableService | None,
    ) -> InvocationOutput:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                threading.Thread(
                    target=_run_on, args=(self._loop,), name="perdure-loop", daemon=True
                ).start()
            if service is None:
                service = self._service = self._service or _default_service()
        return asyncio.run_coroutine_threadsafe(
            function.invoke(event, service, context), self._loop
        ).result()


def _run_on(loop: asyncio.AbstractEventLoop) -> None:
    """For ever: a task that raises SystemExit stops the loop, besides telling who awaits it."""
    while not loop.is_closed():
        with suppress(SystemExit, KeyboardInterrupt):
            loop.run_forever()


_LOOP = _Loop()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_LOOP.forget)
run_as_lambda = _LOOP.run
"""Run an invocation to its end, from any thread."""


def _default_service() -> DurableService:
    """Lambda's API where the environment says that it is."""
    from perdure.http.connections import ServiceConnections
    from perdure.transport.endpoint import lambda_endpoint
    from perdure.transport.http_service import HttpService

    endpoint = lambda_endpoint(None, None, os.environ)
    return HttpService(ServiceConnections(endpoint.url), endpoint.authorisation)


class Boto3Service:
    """A boto3 Lambda client as a DurableService; its calls block threads of their own."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def checkpoint(
        self, arn: str, token: str, updates: Sequence[OperationUpdate], client_token: str
    ) -> CheckpointAnswer:
        answer = await self._call(
            self._client.checkpoint_durable_execution,
            DurableExecutionArn=arn,
            CheckpointToken=token,
            Updates=list(updates),
            ClientToken=client_token,
        )
        return cast("CheckpointAnswer", answer)

    async def state(self, arn: str, token: str, marker: str, max_items: int) -> StatePage:
        answer = await self._call(
            self._client.get_durable_execution_state,
            DurableExecutionArn=arn,
            CheckpointToken=token,
            Marker=marker,
            MaxItems=max_items,
        )
        return cast("StatePage", answer)

    async def _call(self, call: Callable[..., Any], **members: Any) -> Any:
        try:
            return with_seconds(await asyncio.to_thread(call, **members))
        except Exception as error:
            response: dict[str, Any] = getattr(error, "response", {})
            told = response.get("Error") or {}
            raise ServiceCallFailed(
                str(told.get("Message") or error),
                status=(response.get("ResponseMetadata") or {}).get("HTTPStatusCode"),
                code=str(told.get("Code") or ""),
            ) from error


def with_seconds(value: Any) -> Any:
    """boto3's datetimes as the epoch seconds that they were on the wire."""
    if isinstance(value, dict):
        return {key: with_seconds(item) for key, item in value.items()}
    if isinstance(value, list):
        return [with_seconds(item) for item in value]
    return value.timestamp() if hasattr(value, "timestamp") else value
