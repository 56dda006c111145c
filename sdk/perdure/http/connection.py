"""One keep-alive connection on asyncio: a request, its answer, the next request.

asyncio's streams do the same at three times the cost, and a workflow's step is one exchange.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context
from types import coroutine
from typing import Any, cast

from perdure.http import http1
from perdure.http.http1 import Answer
from perdure.http.received import ReceivedBytes

Heard = Callable[[Answer | Exception], object]
"""Takes an answer, or why there is none: ConnectionError, BadMessage or TimeoutError. The
connection is of no more use then."""


@coroutine
def _until_more() -> Generator[None, None, None]:
    yield


class Connection(ReceivedBytes, asyncio.Protocol):
    """Reads its own answers as their bytes arrive. `idle_since` belongs to whoever keeps it."""

    def __init__(self) -> None:
        super().__init__()
        self._loop = asyncio.get_running_loop()
        self._transport: asyncio.Transport | None = None
        self._lost: Exception | None = None
        self._ended = False
        self._heard: Heard | None = None
        self._reading: Coroutine[Any, Any, Answer] | None = None
        self._max_answer_bytes = 0
        self._deadline = 0.0
        self._alarm: asyncio.TimerHandle | None = None
        self.idle_since = 0.0

    @classmethod
    async def open(cls, host: str, port: int, tls: ssl.SSLContext | None) -> Connection:
        """Raises OSError."""
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(cls, host, port, ssl=tls)
        return connection

    @property
    def is_usable(self) -> bool:
        """Whether the peer has not hung up, nor said what nobody asked for."""
        return not self._ended and not self.received

    def ask(
        self,
        head: bytes,
        body: bytes,
        *,
        timeout_seconds: float,
        max_answer_bytes: int,
        heard: Heard,
    ) -> None:
        """Send a request now; `heard` is called later, once, while bytes arrive. Raises
        ConnectionError if it cannot be sent."""
        transport = self._transport
        if transport is None:
            raise ConnectionResetError("The connection is closed")
        self._heard = heard
        self._max_answer_bytes = max_answer_bytes
        self._deadline = self._loop.time() + timeout_seconds
        if self._alarm is None or self._alarm.when() > self._deadline:
            self._set_alarm()
        for piece in http1.pieces(head, body):
            transport.write(piece)

    async def exchange(
        self, head: bytes, body: bytes, *, timeout_seconds: float, max_answer_bytes: int
    ) -> Answer:
        """Raises what `ask` tells."""
        answered: asyncio.Future[Answer] = self._loop.create_future()

        def settle(outcome: Answer | Exception) -> None:
            if answered.done():
                return
            if isinstance(outcome, Answer):
                answered.set_result(outcome)
            else:
                answered.set_exception(outcome)

        self.ask(
            head,
            body,
            timeout_seconds=timeout_seconds,
            max_answer_bytes=max_answer_bytes,
            heard=settle,
        )
        return await answered

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    # ReceivedBytes

    async def more(self, expected: int | None) -> None:
        if not self._ended:
            await _until_more()
        elif self._lost is not None:
            raise ConnectionResetError(str(self._lost)) from self._lost
        else:
            raise asyncio.IncompleteReadError(bytes(self.received), expected)

    def _read_on(self) -> None:
        """As far as the bytes go that are there."""
        if self._heard is None:
            return
        if self._reading is None:
            self._reading = http1.read_answer(self, max_body_bytes=self._max_answer_bytes)
        outcome: Answer | Exception
        try:
            self._reading.send(None)
        except StopIteration as done:
            outcome = done.value
        except Exception as error:
            outcome = error
        else:
            return
        self._tell(outcome)

    def _tell(self, outcome: Answer | Exception) -> None:
        heard, self._heard, self._reading = self._heard, None, None
        if heard is not None:
            heard(outcome)

    # one alarm for many requests: setting one costs more than looking at a clock

    def _set_alarm(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
        # In a context of its own: it outlives what asked.
        self._alarm = self._loop.call_at(self._deadline, self._ring, context=Context())

    def _ring(self) -> None:
        self._alarm = None
        if self._heard is None:
            return
        if self._loop.time() < self._deadline:
            self._set_alarm()
        else:
            if self._reading is not None:
                self._reading.close()
            self._tell(TimeoutError())

    # asyncio.Protocol

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is no subclass

    def data_received(self, data: bytes) -> None:
        self.received += data
        if self._heard is None:
            self.close()  # nobody asked
        self._read_on()

    def eof_received(self) -> None:
        self._ended = True
        self._read_on()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._ended = True
        self._lost = exc
        if self._alarm is not None:
            self._alarm.cancel()
        self._read_on()
