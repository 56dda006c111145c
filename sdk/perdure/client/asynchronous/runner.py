"""Runs programs on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from perdure.client import programs, transport
from perdure.client.endpoint import Endpoint
from perdure.client.operation import Answer, Operation, Page, Request
from perdure.client.programs import Lost, Persistence, Program
from perdure.utc_clock import utc_now

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class AsyncRunner:
    """Pools of connections to one endpoint, one for each event loop that asks. Close it on the loop
    that used it; a pool whose loop has ended goes with it."""

    def __init__(
        self,
        endpoint: Endpoint,
        tries: int,
        timeout_seconds: float,
        http: httpx.AsyncClient | None,
        environment: Mapping[str, str],
    ) -> None:
        import httpx

        self.endpoint = endpoint
        self.persistence = Persistence(tries, not endpoint.is_aws)
        self._timeout_seconds = timeout_seconds
        self._make = partial(httpx.AsyncClient, **transport.http_options(endpoint, environment))
        self._given = http
        self._pools: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}
        self._is_closed = False
        self._transport_error = httpx.TransportError

    async def close(self) -> None:
        self._is_closed = True
        pool = self._given or self._pools.pop(asyncio.get_running_loop(), None)
        if pool is not None:
            await pool.aclose()

    async def do(self, operation: Operation[T]) -> T:
        return await self.run(programs.call(operation, self.persistence))

    async def pages(self, page: Callable[[str | None], Operation[Page[T]]]) -> AsyncIterator[T]:
        """The items of all pages; each page is fetched when the one before has been consumed."""
        marker: str | None = None
        while True:
            found = await self.do(page(marker))
            for item in found.items:
                yield item
            marker = found.marker
            if marker is None:
                return

    async def run(self, program: Program[T]) -> T:
        told: Answer | Lost | None = None
        while True:
            try:
                effect = program.send(told)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(effect, Request):
                told = await self._send(effect)
            else:
                await asyncio.sleep(effect.seconds)
                told = None

    def _pool(self) -> httpx.AsyncClient:
        if self._is_closed:
            raise RuntimeError("Cannot send a request, as the client has been closed.")
        if self._given is not None:
            return self._given
        loop = asyncio.get_running_loop()
        pool = self._pools.get(loop)
        if pool is None:
            for ended in [each for each in list(self._pools) if each.is_closed()]:
                self._pools.pop(ended, None)
            pool = self._pools[loop] = self._make()
        return pool

    async def _send(self, request: Request) -> Answer | Lost:
        url = self.endpoint.url(request)
        try:
            response = await self._pool().request(
                request.method,
                url,
                headers=self.endpoint.headers(request, utc_now()),
                content=request.body,
                timeout=transport.timeout(request, self._timeout_seconds),
            )
        except self._transport_error as error:
            return transport.lost(error, url)
        return transport.answer_of(response)
