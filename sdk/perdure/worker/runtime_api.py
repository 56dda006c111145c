"""One loopback port for one runtime process: Lambda's Runtime API, and the Lambda API beside it.

Runtime interface clients are unforgiving: anything but 200 with a content type on /next ends
them (some by a segmentation fault), and so does anything but 202 on a post. So /next is held
until there is work, and never answers that there is none.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from perdure.http import http1
from perdure.http.http1 import Answer, Request
from perdure.worker.clock import epoch_milliseconds
from perdure.worker.invocation import Invocation, Outcome
from perdure.worker.lambda_proxy import LambdaProxy, carries_progress
from perdure.worker.runtime_session import (
    InvalidRequestId,
    InvalidStateTransition,
    RuntimeSession,
)

MAX_RESPONSE_BYTES = 6 * 1024 * 1024 + 100
"""Lambda's limit on what a function returns."""

_log = logging.getLogger(__name__)
_RUNTIME = b"/2018-06-01/runtime/"
_INVOCATION = _RUNTIME + b"invocation/"
_JSON = (b"content-type", b"application/json")
_ACCEPTED = Answer(202, (_JSON,), b'{"status":"OK"}')


@asynccontextmanager
async def runtime_api(
    session: RuntimeSession, proxy: LambdaProxy, tasks: asyncio.TaskGroup
) -> AsyncIterator[int]:
    """Serve one runtime; yields the port. On leaving, its connections are cut off."""
    connections: set[asyncio.Task[None]] = set()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = tasks.create_task(_serve(reader, writer, session, proxy))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accept, "127.0.0.1", 0, limit=http1.MAX_HEAD_BYTES)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in connections:
            task.cancel()


async def _serve(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    session: RuntimeSession,
    proxy: LambdaProxy,
) -> None:
    try:
        closes = False
        while not closes:
            try:
                request = await http1.read_request(reader, writer)
            except http1.BodyTooLarge as error:
                _answer(writer, _error(413, "RequestEntityTooLarge", str(error)))
                break
            if request is None:
                break
            closes = request.closes
            if request.target.startswith(_RUNTIME):
                answer = await _runtime_call(request, session)
            elif carries_progress(request):
                answer = await proxy.forward(request)
            else:
                # It may take minutes, and its caller may not wait that long.
                forwarded = await _unless_hung_up(reader, request, proxy)
                if forwarded is None:
                    break
                answer = forwarded
            _answer(writer, answer)
            await writer.drain()
    except (http1.BadMessage, OSError):
        pass  # the runtime died or does not speak HTTP; its supervisor sees to it
    except Exception:
        # One runtime's odd call must not end its neighbours.
        _log.exception("A runtime's call failed")
    finally:
        writer.close()


async def _runtime_call(request: Request, session: RuntimeSession) -> Answer:
    path = request.target
    try:
        match request.method, path.removeprefix(_INVOCATION).split(b"/"):
            case b"GET", [b"next"]:
                return _delivered(await session.next())
            case b"POST", [request_id, b"response"]:
                return _response(request_id.decode("latin-1"), request.body, session)
            case b"POST", [request_id, b"error"]:
                session.finish(request_id.decode("latin-1"), Outcome.ERROR, _posted_error(request))
                return _ACCEPTED
            case b"POST", _ if path == _RUNTIME + b"init/error":
                session.fail_init(_posted_error(request))
                return _ACCEPTED
            case _:
                return _error(404, "NotFound", "The Runtime API has no such call")
    except InvalidStateTransition as error:
        return _error(403, "InvalidStateTransition", str(error))
    except InvalidRequestId as error:
        return _error(400, "InvalidRequestID", str(error))


def _posted_error(request: Request) -> bytes:
    if request.body:
        return request.body
    error_type = http1.field(request.fields, b"lambda-runtime-function-error-type")
    return json.dumps({"errorType": (error_type or b"Unhandled").decode("latin-1")}).encode()


def _response(request_id: str, body: bytes, session: RuntimeSession) -> Answer:
    if len(body) <= MAX_RESPONSE_BYTES:
        session.finish(request_id, Outcome.RETURNED, body)
        return _ACCEPTED
    message = (
        f"Response payload size exceeded maximum allowed payload size ({MAX_RESPONSE_BYTES} bytes)."
    )
    error = {"errorType": "Function.ResponseSizeTooLarge", "errorMessage": message}
    session.finish(request_id, Outcome.ERROR, json.dumps(error).encode())
    return _error(413, "RequestEntityTooLarge", message)


def _delivered(invocation: Invocation) -> Answer:
    deadline = epoch_milliseconds() + round(invocation.timeout_seconds * 1000)
    fields = [
        _JSON,
        (b"lambda-runtime-aws-request-id", _header_value(invocation.id)),
        (b"lambda-runtime-deadline-ms", b"%d" % deadline),
        (b"lambda-runtime-invoked-function-arn", _header_value(invocation.function_arn)),
        (b"lambda-runtime-trace-id", _header_value(invocation.trace_id or _trace_id(invocation))),
    ]
    if invocation.client_context is not None:
        value = _header_value(invocation.client_context)
        fields.append((b"lambda-runtime-client-context", value))
    if invocation.tenant_id is not None:
        fields.append((b"lambda-runtime-aws-tenant-id", _header_value(invocation.tenant_id)))
    return Answer(200, tuple(fields), invocation.payload)


def _trace_id(invocation: Invocation) -> str:
    unique = invocation.id.replace("-", "").rjust(32, "0")
    return f"Root=1-{unique[:8]}-{unique[8:32]};Parent={unique[16:32]};Sampled=0"


def _header_value(text: str) -> bytes:
    return text.encode("utf-8", "replace").replace(b"\r", b" ").replace(b"\n", b" ")


async def _unless_hung_up(
    reader: asyncio.StreamReader, request: Request, proxy: LambdaProxy
) -> Answer | None:
    """The proxied answer, or None once the caller has gone (the call is given up then)."""
    async with asyncio.TaskGroup() as tasks:
        call = tasks.create_task(proxy.forward(request))
        # Callers do not send ahead, so the next byte can only be the end.
        end = tasks.create_task(_end_of_stream(reader))
        await asyncio.wait({call, end}, return_when=asyncio.FIRST_COMPLETED)
        answer = call.result() if call.done() else None
        call.cancel()
        end.cancel()
    return answer


async def _end_of_stream(reader: asyncio.StreamReader) -> None:
    with suppress(OSError):  # reset: an end as well
        await reader.read(1)


def _answer(writer: asyncio.StreamWriter, answer: Answer) -> None:
    head = http1.answer_head(answer.status, answer.fields, len(answer.body))
    http1.send(writer, head, answer.body)


def _error(status: int, error_type: str, message: str) -> Answer:
    body = json.dumps({"errorType": error_type, "errorMessage": message}).encode()
    return Answer(status, (_JSON,), body)
