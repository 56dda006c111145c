"""Keep-alive connections for threads: one request and its answer at a time on each."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, TypeVar

from perdure.http import http1
from perdure.http.connections import (
    CONNECT_SECONDS,
    IDLE_CONNECTIONS,
    IDLE_SECONDS,
    ServiceAway,
    ServiceUrl,
)
from perdure.http.http1 import Answer, Fields
from perdure.http.received import ReceivedBytes

_RECEIVE_BYTES: Final = 64 * 1024

_T = TypeVar("_T")


class BlockingConnections:
    """To one service, shared by any number of threads; opens more as they are needed. A fork opens
    its own: on a shared one each would read the other's answers."""

    def __init__(self, url: ServiceUrl, tls: ssl.SSLContext | None) -> None:
        """`tls` is what the connections are made with, None for plain ones: see `tls_for`."""
        self.url = url
        self._idle: deque[_Connection] = deque()  # its append and pop are atomic
        self._process = os.getpid()
        self._tls = tls
        self._host = (b"host", url.authority.encode())
        self._prefix = url.prefix.encode()

    def exchange(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes,
        *,
        timeout_seconds: float,
        max_answer_bytes: int,
    ) -> Answer:
        """Send a request that may be repeated, and read its answer, whatever its status. Raises
        ServiceAway. `fields` are end-to-end ones, without Host."""
        head = http1.request_head(method, self._prefix + target, (self._host, *fields), len(body))
        deadline = time.monotonic() + timeout_seconds
        try:
            while True:
                connection, kept = self._connection()
                try:
                    answer = connection.exchange(head, body, deadline, max_answer_bytes)
                except ConnectionError:
                    connection.close()
                    if not kept:  # else the service closed it while it was idle
                        raise
                except BaseException:
                    connection.close()
                    raise
                else:
                    self._keep(connection, answer)
                    return answer
        except (OSError, http1.BadMessage) as error:
            raise ServiceAway.of(error, self.url, timeout_seconds) from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    def _connection(self) -> tuple[_Connection, bool]:
        if self._process != os.getpid():
            self._idle.clear()
            self._process = os.getpid()
        oldest = time.monotonic() - IDLE_SECONDS
        while True:
            try:
                connection = self._idle.pop()
            except IndexError:
                break
            if connection.idle_since > oldest:
                return connection, True
            connection.close()
        plain = socket.create_connection((self.url.host, self.url.port), CONNECT_SECONDS)
        plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is None:
            return _Connection(plain), False
        return _Connection(self._tls.wrap_socket(plain, server_hostname=self.url.host)), False

    def _keep(self, connection: _Connection, answer: Answer) -> None:
        if answer.closes or len(self._idle) >= IDLE_CONNECTIONS:
            connection.close()
            return
        connection.idle_since = time.monotonic()
        self._idle.append(connection)


class _Connection(ReceivedBytes):
    """A socket; its coroutines block instead of suspending."""

    def __init__(self, connected: socket.socket) -> None:
        super().__init__()
        self._socket = connected
        self._deadline = 0.0
        self.idle_since = 0.0

    def exchange(self, head: bytes, body: bytes, deadline: float, max_answer_bytes: int) -> Answer:
        self._deadline = deadline
        self._wait_until_deadline()
        for piece in http1.pieces(head, body):
            self._socket.sendall(piece)
        return _completed(http1.read_answer(self, max_body_bytes=max_answer_bytes))

    def close(self) -> None:
        self._socket.close()

    async def more(self, expected: int | None) -> None:
        self._wait_until_deadline()
        received = self._socket.recv(_RECEIVE_BYTES)
        if not received:
            raise asyncio.IncompleteReadError(bytes(self.received), expected)
        self.received += received

    def _wait_until_deadline(self) -> None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._socket.settimeout(left)


def _completed(coroutine: Coroutine[Any, Any, _T]) -> _T:
    """The result of a coroutine that never suspends."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        result: _T = done.value
        return result
    raise AssertionError("it suspended")
