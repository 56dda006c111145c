"""Runs programs in the calling thread."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping
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


class Runner:
    """One pool of connections to one endpoint. Safe to share among threads, and with a fork, which
    gets a pool of its own: on shared connections each would read the other's answers."""

    def __init__(
        self,
        endpoint: Endpoint,
        tries: int,
        timeout_seconds: float,
        http: httpx.Client | None,
        environment: Mapping[str, str],
    ) -> None:
        import httpx

        self.endpoint = endpoint
        self.persistence = Persistence(tries, not endpoint.is_aws)
        self._timeout_seconds = timeout_seconds
        self._make = partial(httpx.Client, **transport.http_options(endpoint, environment))
        self._http = http or self._make()
        self._process = None if http else os.getpid()
        self._transport_error = httpx.TransportError

    def close(self) -> None:
        self._http.close()

    def do(self, operation: Operation[T]) -> T:
        return self.run(programs.call(operation, self.persistence))

    def pages(self, page: Callable[[str | None], Operation[Page[T]]]) -> Iterator[T]:
        """The items of all pages; each page is fetched when the one before has been consumed."""
        marker: str | None = None
        while True:
            found = self.do(page(marker))
            yield from found.items
            marker = found.marker
            if marker is None:
                return

    def run(self, program: Program[T]) -> T:
        told: Answer | Lost | None = None
        while True:
            try:
                effect = program.send(told)
            except StopIteration as end:
                result: T = end.value
                return result
            if isinstance(effect, Request):
                told = self._send(effect)
            else:
                time.sleep(effect.seconds)
                told = None

    def _pool(self) -> httpx.Client:
        if self._process not in (None, os.getpid()) and not self._http.is_closed:
            self._http = self._make()
            self._process = os.getpid()
        return self._http

    def _send(self, request: Request) -> Answer | Lost:
        url = self.endpoint.url(request)
        try:
            response = self._pool().request(
                request.method,
                url,
                headers=self.endpoint.headers(request, utc_now()),
                content=request.body,
                timeout=transport.timeout(request, self._timeout_seconds),
            )
        except self._transport_error as error:
            return transport.lost(error, url)
        return transport.answer_of(response)
