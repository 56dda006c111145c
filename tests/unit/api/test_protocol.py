"""A connection that nobody uses is closed, and what goes over it can be told apart."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from starlette.types import Receive, Scope, Send

from perdure_service.api.asgi import Answer, send_answer
from perdure_service.api.protocol import HttpProtocol

_REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@asynccontextmanager
async def listening(idle_seconds: float) -> AsyncIterator[int]:
    """A server that says hello and closes connections that are idle for so long; its port."""

    async def hello(scope: Scope, receive: Receive, send: Send) -> None:
        await send_answer(scope, send, Answer(200, b"hello"))

    config = uvicorn.Config(hello, ws="none", lifespan="off", log_config=None)
    config.timeout_keep_alive = idle_seconds  # type: ignore[assignment]
    config.load()
    state = uvicorn.Server(config).server_state

    def protocol() -> HttpProtocol:
        return HttpProtocol(config=config, server_state=state, app_state={})

    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_an_idle_connection_is_closed() -> None:
    async with listening(idle_seconds=0.02) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(_REQUEST)
        answer = await asyncio.wait_for(reader.read(), 10)  # up to the end of the connection
        assert answer.endswith(b"\r\n\r\nhello")
        writer.close()


async def test_a_connection_that_is_used_stays_open() -> None:
    async with listening(idle_seconds=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        loop = asyncio.get_running_loop()
        until = loop.time() + 0.5
        while loop.time() < until:
            writer.write(_REQUEST)
            await reader.readuntil(b"hello")
        writer.close()


async def test_an_answer_to_head_has_no_body() -> None:
    async with listening(idle_seconds=10) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for method in (b"HEAD", b"GET"):
            writer.write(_REQUEST.replace(b"GET", method))
            head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            assert head.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"content-length: 5\r\n" in head
        assert await reader.readexactly(5) == b"hello"
        writer.close()
