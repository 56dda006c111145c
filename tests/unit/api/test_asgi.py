"""Bodies, clients that leave, and the outermost callable, on bare ASGI."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from perdure_service.api.asgi import ClientGone, WhileConnected, read_body
from perdure_service.domain.errors import RequestTooLarge

Message = dict[str, Any]


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def chunk(body: bytes, *, more: bool = False) -> Message:
    return {"type": "http.request", "body": body, "more_body": more}


GONE: Message = {"type": "http.disconnect"}


def receiving(*messages: Message) -> Callable[[], Any]:
    """Gives `messages`, then waits for ever."""
    left = list(messages)

    async def receive() -> Message:
        if not left:
            await asyncio.Event().wait()
        return left.pop(0)

    return receive


def scope(*headers: tuple[bytes, bytes]) -> dict[str, Any]:
    return {"type": "http", "headers": headers}


async def test_a_body_may_come_in_parts() -> None:
    receive = receiving(chunk(b"ab", more=True), chunk(b"", more=True), chunk(b"cd"))
    assert await read_body(scope(), receive, 4) == b"abcd"


@pytest.mark.parametrize(
    "messages",
    [[chunk(b"abcde")], [chunk(b"abc", more=True), chunk(b"de")], [chunk(b"a" * 9, more=True)]],
)
async def test_a_body_over_the_limit_is_refused(messages: list[Message]) -> None:
    with pytest.raises(RequestTooLarge, match="at most 4 bytes"):
        await read_body(scope(), receiving(*messages, chunk(b"")), 4)


async def test_an_announced_length_over_the_limit_is_refused_unread() -> None:
    with pytest.raises(RequestTooLarge):
        await read_body(scope((b"content-length", b"5")), receiving(chunk(b"a", more=True)), 4)


@pytest.mark.parametrize("messages", [[GONE], [chunk(b"a", more=True), GONE]])
async def test_a_body_cut_short_is_nobodys(messages: list[Message]) -> None:
    with pytest.raises(ClientGone):
        await read_body(scope(), receiving(*messages), 4)


async def test_a_client_that_leaves_ends_the_wait_at_once() -> None:
    ended = []

    async def wait() -> None:
        async with WhileConnected(receiving(GONE)):
            try:
                await asyncio.Event().wait()
            finally:
                ended.append(True)

    with pytest.raises(ClientGone):
        await wait()
    assert ended == [True]
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_client_that_stays_is_not_disturbed() -> None:
    async with WhileConnected(receiving()):
        await asyncio.sleep(0)
    with pytest.raises(ValueError, match="own"):
        async with WhileConnected(receiving()):
            raise ValueError("own")


async def test_being_cancelled_from_outside_is_not_the_clients_leaving() -> None:
    async def wait() -> None:
        async with WhileConnected(receiving()):
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
