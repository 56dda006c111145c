"""Runs programs on an event loop."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, TypeVar

from perdure.client import programs, transport
from perdure.client.clock import utc_now
from perdure.client.endpoint import Endpoint
from perdure.client.operation import Answer, Operation, Page, Request
from perdure.client.programs import Lost, Persistence, Program

if TYPE_CHECKING:
    import httpx

T = TypeVar("T")


class AsyncRunner:
    """One pool of connections to one endpoint. Of one event loop."""

    def __init__(
        self, endpoint: Endpoint, tries: int, timeout_seconds: float, http: httpx.AsyncClient | None
    ) -> None:
        import httpx

        self.endpoint = endpoint
        self.persistence = Persistence(tries, not endpoint.is_aws)
        self._timeout_seconds = timeout_seconds
        self._http = http or httpx.AsyncClient(**transport.http_options(endpoint))
        self._transport_error = httpx.TransportError

    async def close(self) -> None:
        await self._http.aclose()

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

    async def _send(self, request: Request) -> Answer | Lost:
        url = self.endpoint.url(request)
        try:
            response = await self._http.request(
                request.method,
                url,
                headers=self.endpoint.headers(request, utc_now()),
                content=request.body,
                timeout=transport.timeout(request, self._timeout_seconds),
            )
        except self._transport_error as error:
            return transport.lost(error, url)
        return transport.answer_of(response)
