"""Keep-alive HTTP/1.1 connections to one service, shared by everything in a process."""

from __future__ import annotations

import asyncio
import os
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Self
from urllib.parse import urlsplit

from perdure.certificates import tls_context
from perdure.http import http1
from perdure.http.connection import Connection
from perdure.http.http1 import Answer, Fields

CONNECT_SECONDS: Final = 5.0
IDLE_SECONDS: Final = 30.0
IDLE_CONNECTIONS: Final = 256


class ServiceAway(Exception):
    """The service could not be reached or did not answer; a request may have had its effect."""

    @classmethod
    def of(cls, error: OSError | http1.BadMessage, url: ServiceUrl, timeout_seconds: float) -> Self:
        """Of an exchange that may take so long, and failed so."""
        if isinstance(error, TimeoutError):
            return cls(f"{url} did not answer within {timeout_seconds:g} s")
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        return cls(f"{url}: {reason}")


class InvalidServiceUrl(ValueError):
    """The URL of the service is none; the text says what one looks like."""


@dataclass(frozen=True, slots=True)
class ServiceUrl:
    host: str
    port: int
    secure: bool
    prefix: str

    @classmethod
    def parse(cls, text: str) -> ServiceUrl:
        try:
            url = urlsplit(text)
            host, port = url.hostname, url.port
        except ValueError as error:
            raise InvalidServiceUrl(f"{text!r} is not a URL: {error}") from error
        if url.scheme not in ("http", "https") or not host:
            raise InvalidServiceUrl(f"{text!r} is not a URL such as http://127.0.0.1:8484")
        secure = url.scheme == "https"
        return cls(host, port or (443 if secure else 80), secure, url.path.rstrip("/"))

    @property
    def authority(self) -> str:
        """As the Host header has it: a port that goes without saying is left out."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.secure else 80) else f"{host}:{self.port}"

    def __str__(self) -> str:
        return f"{'https' if self.secure else 'http'}://{self.authority}{self.prefix}"


class ServiceConnections:
    """Exchanges one request for one answer at a time per connection; opens more as needed."""

    def __init__(self, url: ServiceUrl) -> None:
        self.url = url
        self._idle: list[Connection] = []
        self.tls = tls_for(url)
        self._host = (b"host", url.authority.encode())
        self._prefix = url.prefix.encode()

    async def exchange(
        self,
        method: bytes,
        target: bytes,
        fields: Fields = (),
        body: bytes = b"",
        *,
        timeout_seconds: float,
        repeatable: bool = True,
        max_answer_bytes: int = http1.MAX_BODY_BYTES,
    ) -> Answer:
        """Send a request and read its answer, whatever its status.

        `fields` are end-to-end ones, without Host. Raises ServiceAway. A kept connection may
        turn out to be closed: a `repeatable` request then goes out again on another.
        """
        head = self._head(method, target, fields, body)
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        try:
            while True:
                connection = self._kept()
                kept = connection is not None
                left = deadline - asyncio.get_running_loop().time()
                connection = connection or await self._open(left)
                try:
                    answer = await connection.exchange(
                        head, body, timeout_seconds=left, max_answer_bytes=max_answer_bytes
                    )
                except ConnectionError:
                    connection.close()
                    if not (kept and repeatable):
                        raise
                except BaseException:
                    connection.close()
                    raise
                else:
                    self._keep(connection, answer)
                    return answer
        except (OSError, http1.BadMessage) as error:
            raise ServiceAway.of(error, self.url, timeout_seconds) from error

    def ask(
        self,
        method: bytes,
        target: bytes,
        fields: Fields,
        body: bytes,
        *,
        timeout_seconds: float,
        max_answer_bytes: int,
        heard: Callable[[Answer | None], object],
    ) -> bool:
        """Send a request at once, on a connection that is open; False if there is none. `heard` is
        called later, once: without an answer if there is none, and `exchange` may say why."""
        connection = self._kept()
        if connection is None:
            return False

        def settle(outcome: Answer | Exception) -> None:
            if isinstance(outcome, Answer):
                self._keep(connection, outcome)
                heard(outcome)
            else:
                connection.close()
                heard(None)

        connection.ask(
            self._head(method, target, fields, body),
            body,
            timeout_seconds=timeout_seconds,
            max_answer_bytes=max_answer_bytes,
            heard=settle,
        )
        return True

    def close(self) -> None:
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _head(self, method: bytes, target: bytes, fields: Fields, body: bytes) -> bytes:
        return http1.request_head(method, self._prefix + target, (self._host, *fields), len(body))

    def _kept(self) -> Connection | None:
        """The connection that was used last, if there is one that is good."""
        oldest = asyncio.get_running_loop().time() - IDLE_SECONDS
        while self._idle:
            connection = self._idle.pop()
            if connection.is_usable and connection.idle_since > oldest:
                return connection
            connection.close()
        return None

    async def _open(self, limit_seconds: float) -> Connection:
        async with asyncio.timeout(min(limit_seconds, CONNECT_SECONDS)):
            return await Connection.open(self.url.host, self.url.port, self.tls)

    def _keep(self, connection: Connection, answer: Answer) -> None:
        if answer.closes or len(self._idle) >= IDLE_CONNECTIONS:
            connection.close()
            return
        connection.idle_since = asyncio.get_running_loop().time()
        self._idle.append(connection)


def tls_for(url: ServiceUrl) -> ssl.SSLContext | None:
    """What connections to it are made with; None if they are not encrypted."""
    return tls_context(os.environ) if url.secure else None
