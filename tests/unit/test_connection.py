"""One kept-alive connection: whatever form an answer has, and however it breaks off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from perdure.http import http1
from perdure.http.connection import Connection

HEAD = http1.request_head(b"GET", b"/", ((b"host", b"test"),), 0)
LIMIT = 8 * 1024 * 1024

Play = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@asynccontextmanager
async def connected(play: Play) -> AsyncIterator[Connection]:
    """To a server that plays its part once for each request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await http1.read_request(reader, writer) is not None:
                await play(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    connection = await Connection.open("127.0.0.1", server.sockets[0].getsockname()[1], None)
    try:
        yield connection
    finally:
        connection.close()
        server.close()
        await server.wait_closed()


def saying(*pieces: bytes, hang_up: bool = False) -> Play:
    """Each piece in a packet of its own."""

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)
        if hang_up:
            writer.close()

    return play


async def said(connection: Connection) -> http1.Answer:
    return await connection.exchange(HEAD, b"", timeout_seconds=10, max_answer_bytes=LIMIT)


async def exchanged(play: Play, times: int = 1) -> list[http1.Answer]:
    async with connected(play) as connection:
        return [await said(connection) for _ in range(times)]


async def test_a_connection_is_used_again_and_again() -> None:
    answers = await exchanged(saying(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"), times=3)
    assert [(answer.status, answer.body) for answer in answers] == [(200, b"ok")] * 3


async def test_an_answer_may_come_byte_by_byte() -> None:
    whole = b"HTTP/1.1 201 Created\r\nx-one: 1\r\ncontent-length: 3\r\n\r\nabc"
    (answer,) = await exchanged(saying(*(bytes([byte]) for byte in whole)))
    assert (answer.status, answer.body) == (201, b"abc")
    assert http1.field(answer.fields, b"x-one") == b"1"


async def test_an_answer_may_be_chunked() -> None:
    (answer,) = await exchanged(
        saying(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", b"0\r\n\r\n")
    )
    assert answer.body == b"abc"


async def test_an_answer_may_end_with_the_connection() -> None:
    (answer,) = await exchanged(saying(b"HTTP/1.1 200 OK\r\n\r\n", b"to the end", hang_up=True))
    assert answer.body == b"to the end"
    assert answer.closes


async def test_large_answers_come_whole_one_after_the_other() -> None:
    body = bytes(range(256)) * 16 * 1024
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body)
    answers = await exchanged(saying(head + body), times=2)
    assert [answer.body == body for answer in answers] == [True, True]


async def test_a_peer_that_speaks_unasked_is_hung_up_on() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with connected(saying(answer + b"more")) as connection:
        await said(connection)
        assert not connection.is_usable
    async with connected(saying(answer, b"more")) as connection:
        await said(connection)
        while connection.is_usable:  # noqa: ASYNC110  nobody awaits it
            await asyncio.sleep(0)


async def test_a_body_over_the_limit_is_refused() -> None:
    head = b"HTTP/1.1 200 OK\r\ncontent-length: 9437184\r\n\r\n"
    with pytest.raises(http1.BodyTooLarge):
        await exchanged(saying(head + bytes(9437184)))


@pytest.mark.parametrize(
    "before",
    [b"", b"HTTP/1.1 200", b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"],
    ids=["nothing", "half a head", "half a body"],
)
async def test_a_connection_that_breaks_off_says_so(before: bytes) -> None:
    with pytest.raises(ConnectionError):
        await exchanged(saying(before, hang_up=True))


async def test_a_connection_that_was_closed_meanwhile_is_known_not_to_be_usable() -> None:
    answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
    async with connected(saying(answer, hang_up=True)) as connection:
        await said(connection)
        while connection.is_usable:  # noqa: ASYNC110  nobody awaits the end of an idle one
            await asyncio.sleep(0)
        with pytest.raises(ConnectionError):
            await said(connection)


async def test_an_answer_that_does_not_come_is_not_waited_for_for_ever() -> None:
    async with connected(saying()) as connection:
        with pytest.raises(TimeoutError):
            await connection.exchange(HEAD, b"", timeout_seconds=0.01, max_answer_bytes=LIMIT)


async def test_each_request_has_a_limit_of_its_own() -> None:
    pieces = iter([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"])

    async def once(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(next(pieces, b"HTTP/1.1"))

    async with connected(once) as connection:
        await said(connection)
        with pytest.raises(TimeoutError):
            await connection.exchange(HEAD, b"", timeout_seconds=0.01, max_answer_bytes=LIMIT)
