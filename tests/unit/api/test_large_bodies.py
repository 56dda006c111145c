"""Who parses a large body keeps nobody waiting."""

from __future__ import annotations

import asyncio
import threading

from perdure_service.api.large_bodies import LargeBodies

PATIENCE_SECONDS = 30


async def test_others_go_on_while_a_large_body_is_parsed() -> None:
    """It is not parsed before somebody else was served."""
    served = threading.Event()

    async def serve() -> None:
        served.set()

    def parse(body: bytes) -> int:
        assert served.wait(PATIENCE_SECONDS)
        return len(body)

    size, _ = await asyncio.gather(LargeBodies().parse(bytes(1 << 20), parse), serve())
    assert size == 1 << 20


async def test_a_small_body_is_parsed_where_it_is() -> None:
    assert await LargeBodies().parse(b"{}", lambda _: threading.get_ident()) == (
        threading.get_ident()
    )


async def test_no_more_than_two_are_parsed_at_a_time() -> None:
    bodies, lock, running, peak = LargeBodies(), threading.Lock(), [0], [0]
    both = threading.Barrier(2)

    def parse(_: bytes) -> None:
        with lock:
            running[0] += 1
            peak[0] = max(peak[0], running[0])
        both.wait(PATIENCE_SECONDS)
        with lock:
            running[0] -= 1

    await asyncio.gather(*(bodies.parse(bytes(1 << 20), parse) for _ in range(6)))
    assert peak == [2]
