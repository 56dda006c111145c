"""Routes that run once per step or invocation: bare ASGI, at half the cost of FastAPI's."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Annotated, Required

from pydantic import Field, TypeAdapter, ValidationError
from starlette.types import Receive, Scope
from typing_extensions import TypedDict

from perdure_service.api.asgi import Answer, WhileConnected, header, read_body
from perdure_service.api.paths import EXECUTIONS, decode, parse_query
from perdure_service.api.wire.checkpoint import checkpoint_answer, parse_checkpoint, state_answer
from perdure_service.api.wire.invoke import InvocationType, invoke_answer, parse_invoke
from perdure_service.api.wire.shipped_logs import SHIPPED_BODY_BYTES, parse_shipped
from perdure_service.api.wire.text import CheckpointTokenText
from perdure_service.api.wire.violations import refusal
from perdure_service.api.wire.workers import (
    INVOCATIONS,
    frames,
    invocation_id,
    parse_heartbeat,
    parse_log_tail,
    parse_outcome,
    parse_poll,
    worker_id,
)
from perdure_service.application.use_cases import UseCases
from perdure_service.domain.frozen import frozen
from perdure_service.domain.limits import MEBIBYTE

OPERATION_BODY_BYTES = 38 * MEBIBYTE
"""The largest legal payload, 6 MiB, may be spelled with six bytes a character in JSON."""

_SMALL_BODY_BYTES = MEBIBYTE
_POLL_BODY_BYTES = 2 * MEBIBYTE
"""Results that are not small have a request of their own."""
_FUNCTIONS = b"/2015-03-31/functions/"
_WORKERS = b"/v1/workers/"
_DEFAULT_ITEMS = 100


@frozen
class Exchange:
    """One request to a hot route. `names` are the parts of the path that vary, still encoded."""

    scope: Scope
    receive: Receive
    names: tuple[bytes, ...]

    async def body(self, limit: int) -> bytes:
        return await read_body(self.scope, self.receive, limit)


Endpoint = Callable[[Exchange], Awaitable[Answer]]


class _StateQuery(TypedDict, total=False):
    CheckpointToken: Required[CheckpointTokenText]
    Marker: str
    MaxItems: Annotated[int, Field(ge=0, le=1_000)]


_STATE_QUERY = TypeAdapter(_StateQuery)


class HotRoutes:
    def __init__(self, use_cases: UseCases) -> None:
        self._use_cases = use_cases
        self._largest_input = max(
            use_cases.invoke.limits.sync_input_bytes, use_cases.invoke.limits.async_input_bytes
        )

    def find(self, method: str, path: bytes) -> tuple[Endpoint, tuple[bytes, ...]] | None:
        """The endpoint of a path and the names in it; None if it is not a hot one."""
        if path.startswith(EXECUTIONS):
            if method == "POST" and path.endswith(b"/checkpoint"):
                return self.checkpoint, (path[len(EXECUTIONS) : -len(b"/checkpoint")],)
            if method == "GET" and path.endswith(b"/state"):
                return self.state, (path[len(EXECUTIONS) : -len(b"/state")],)
        elif method == "POST" and path.startswith(_WORKERS):
            match path[len(_WORKERS) :].split(b"/"):
                case [worker, b"poll"]:
                    return self.poll, (worker,)
                case [worker, b"heartbeat"]:
                    return self.heartbeat, (worker,)
                case [worker, b"logs"]:
                    return self.logs, (worker,)
                case [worker, b"invocations", invocation, b"result"]:
                    return self.result, (worker, invocation)
        elif method == "POST" and path.startswith(_FUNCTIONS) and path.endswith(b"/invocations"):
            return self.invoke, (path[len(_FUNCTIONS) : -len(b"/invocations")],)
        return None

    async def checkpoint(self, exchange: Exchange) -> Answer:
        arn = decode(exchange.names[0])
        request = parse_checkpoint(await exchange.body(OPERATION_BODY_BYTES))
        body = await self._use_cases.checkpoint(
            arn, request.token, request.updates, request.client_token, checkpoint_answer
        )
        return Answer(200, body)

    async def state(self, exchange: Exchange) -> Answer:
        arn = decode(exchange.names[0])
        query = _parse_state_query(exchange.scope["query_string"])
        answer = await self._use_cases.read_state(
            arn,
            query["CheckpointToken"],
            query.get("Marker"),
            query.get("MaxItems") or _DEFAULT_ITEMS,
        )
        return Answer(200, state_answer(answer))

    async def invoke(self, exchange: Exchange) -> Answer:
        call = parse_invoke(
            decode(exchange.names[0]),
            parse_query(exchange.scope["query_string"]),
            exchange.scope["headers"],
            await exchange.body(self._largest_input),
        )
        if call.type is InvocationType.DRY_RUN:
            await self._use_cases.invoke.dry_run(call.request.function, call.request.qualifier)
            return Answer(204)
        if call.type is InvocationType.EVENT:
            return invoke_answer(call, await self._use_cases.invoke(call.request))
        async with WhileConnected(exchange.receive):
            answer = await self._use_cases.invoke(call.request)
        return invoke_answer(call, answer)

    async def poll(self, exchange: Exchange) -> Answer:
        worker = worker_id(decode(exchange.names[0]))
        poll = parse_poll(
            await exchange.body(_POLL_BODY_BYTES),
            header(exchange.scope["headers"], b"content-type"),
        )
        async with WhileConnected(exchange.receive):
            handed = await self._use_cases.workers.poll(
                worker,
                poll.free,
                poll.pool_free,
                poll.confirmed,
                poll.results,
                poll.wait_seconds,
            )
        return Answer(200, frames(handed), content_type=INVOCATIONS)

    async def result(self, exchange: Exchange) -> Answer:
        worker, invocation = map(decode, exchange.names)
        body = await exchange.body(OPERATION_BODY_BYTES)
        outcome = parse_outcome(header(exchange.scope["headers"], b"perdure-outcome"), body)
        tail = parse_log_tail(header(exchange.scope["headers"], b"perdure-log-tail"))
        await self._use_cases.workers.finish(
            worker_id(worker), invocation_id(invocation), outcome, tail
        )
        return Answer(202, b"{}")

    async def logs(self, exchange: Exchange) -> Answer:
        worker = worker_id(decode(exchange.names[0]))
        batch = parse_shipped(worker, await exchange.body(SHIPPED_BODY_BYTES))
        await self._use_cases.log_intake.keep(batch)
        return Answer(200, b"{}")

    async def heartbeat(self, exchange: Exchange) -> Answer:
        worker = worker_id(decode(exchange.names[0]))
        held = parse_heartbeat(await exchange.body(_SMALL_BODY_BYTES))
        self._use_cases.workers.heartbeat(worker, held)
        return Answer(200, b"{}")


def _parse_state_query(query: bytes) -> _StateQuery:
    try:
        return _STATE_QUERY.validate_python(parse_query(query))
    except ValidationError as invalid:
        raise refusal(invalid) from None
