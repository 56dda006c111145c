"""One HTTP exchange on bare ASGI: reading the body, noticing that the client left, answering."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any

from starlette.types import Receive, Scope, Send

from perdure_service.domain.errors import InvalidRequestContent, RequestTooLarge
from perdure_service.domain.frozen import frozen

Headers = Sequence[tuple[bytes, bytes]]

JSON = b"application/json"

ANSWER = "perdure.answer"
"""The extension by which our HTTP protocol takes an answer as a whole; see `api.protocol`."""

BODY_SECONDS = 60.0
UPLOAD_SECONDS = 300.0
"""For what may be large: a zip of 50 MiB comes in time over two megabits a second."""
_NONE: Mapping[str, Any] = {}


class ClientGone(Exception):
    """The client closed its connection: there is nobody to answer."""


@frozen
class Answer:
    status: int
    body: bytes = b""
    headers: tuple[tuple[bytes, bytes], ...] = ()
    content_type: bytes = JSON


async def send_answer(
    scope: Scope, send: Send, answer: Answer, *more_headers: tuple[bytes, bytes]
) -> None:
    """Send `answer`: in one call if the server offers that, else by ASGI's two messages."""
    headers = [*answer.headers, *more_headers]
    if answer.status != 204:
        headers += (
            (b"content-type", answer.content_type),
            (b"content-length", b"%d" % len(answer.body)),
        )
    answer_at_once = scope.get("extensions", _NONE).get(ANSWER)
    if answer_at_once is not None and answer_at_once(answer.status, headers, answer.body):
        return
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def header(headers: Headers, name: bytes) -> str | None:
    """The first value of a header, its name in lower case."""
    for key, value in headers:
        if key == name:
            return value.decode("latin-1")
    return None


async def read_body(
    scope: Scope, receive: Receive, limit: int, seconds: float = BODY_SECONDS
) -> bytes:
    """The whole body. Raises RequestTooLarge over `limit` bytes, ClientGone if the client left
    before its end, InvalidRequestContent if the rest does not come within `seconds`."""
    message = await receive()
    if message["type"] == "http.disconnect":
        raise ClientGone
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False):
        _check_size(len(body), limit)
        return body
    announced = header(scope["headers"], b"content-length")
    if announced is not None and announced.isdecimal():
        _check_size(int(announced), limit)
    try:
        async with asyncio.timeout(seconds):
            return await _read_rest(receive, body, limit)
    except TimeoutError:
        raise InvalidRequestContent(
            f"The request body did not arrive within {seconds:.0f} seconds: "
            "send as many bytes as its Content-Length says."
        ) from None


async def _read_rest(receive: Receive, first: bytes, limit: int) -> bytes:
    # Not a list that is joined in the end: that would take 30 ms at once for the largest.
    body = io.BytesIO()
    size = body.write(first)
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        size += body.write(message.get("body", b""))
        _check_size(size, limit)
        if not message.get("more_body", False):
            return body.getvalue()


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise RequestTooLarge(
            f"The request body must be at most {limit} bytes: pass large data by reference."
        )


class WhileConnected:
    """Ends the `async with` block at once, by ClientGone, when the client leaves. Needs a request
    whose body has been read."""

    __slots__ = ("_gone", "_receive", "_task", "_watcher")

    def __init__(self, receive: Receive) -> None:
        self._receive = receive
        self._gone = False

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._watcher = asyncio.create_task(self._watch())

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._watcher.cancel()
        if self._gone and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise ClientGone from None

    async def _watch(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._gone = True
        self._task.cancel()
