"""A TCP relay in front of the service that loses answers on their way to the client."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from tests.support.relay import Relay

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


def _nothing() -> None:
    pass


class AnswerRelay(Relay):
    """Relays HTTP to the port of a service of this machine. `bodies` are those of all answers that
    the service has given, the lost ones included."""

    def __init__(self, service_port: int) -> None:
        super().__init__()
        self._service_port = service_port
        self._before_the_loss: Callable[[], object] | None = None
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def lose_the_next(self, then: Callable[[], object] = _nothing) -> None:
        """The next answer does not arrive: the connection breaks, after `then` was called."""
        self._before_the_loss = then

    async def _relay(self, client: asyncio.StreamReader, answers: asyncio.StreamWriter) -> None:
        """One request at a time, as boto3 sends them."""
        service, requests = await asyncio.open_connection("127.0.0.1", self._service_port)
        try:
            while True:
                head, body = await _message(client)
                requests.write(head + body)
                await requests.drain()
                head, body = await _message(service)
                self.bodies.append(body)
                then, self._before_the_loss = self._before_the_loss, None
                if then is not None:
                    await asyncio.to_thread(then)
                    return
                answers.write(head + body)
                await answers.drain()
        finally:
            requests.close()


async def _message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = _LENGTH.search(head)
    return head, await reader.readexactly(int(length[1]) if length else 0)
