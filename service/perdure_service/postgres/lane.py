"""One lane of group commit.

Work that arrives while a flush is in flight waits and goes out as the next one: no timer, no
added delay when idle, one fsync for the batch. A lane owns one connection and sends one statement
at a time; its queue is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import psycopg

from perdure_service.domain.errors import Unavailable
from perdure_service.postgres.arrays import PackedArray
from perdure_service.postgres.connection import connect
from perdure_service.postgres.prepared import PreparedStatements

T = TypeVar("T")

logger = logging.getLogger(__name__)

FLUSH_TIMEOUT_SECONDS = 30.0
_RECONNECT_DELAY_SECONDS = 0.05
_MAX_RECONNECT_DELAY_SECONDS = 1.0


class LostFlush(Exception):
    """The connection broke under a flush: whether it was committed is unknown."""


class LaneConnection:
    """The lane's connection to Postgres, opened anew after it broke."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: PreparedStatements | None = None

    async def execute(self, sql: str, parameters: Sequence[PackedArray]) -> list[int]:
        """Run one append; the places that won. Raises LostFlush, or psycopg.DataError for a value
        that Postgres cannot hold."""
        try:
            async with asyncio.timeout(FLUSH_TIMEOUT_SECONDS):
                statements = await self._open()
                return await statements.integers(sql, parameters)
        except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
            await self.close()
            raise LostFlush(str(error)) from error
        except asyncio.CancelledError:
            await self.close()
            raise

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()

    async def _open(self) -> PreparedStatements:
        if self._connection is None or not self._connection.is_open:
            connection = await connect(self._url, name=self._name, writer=True)
            self._connection = PreparedStatements(connection)
        return self._connection


class Lane(Generic[T]):
    """A queue of items and the loop that flushes them in batches."""

    def __init__(self, flush: Callable[[], Awaitable[None]], max_waiting: int) -> None:
        self.waiting: deque[T] = deque()
        self._flush = flush
        self._max_waiting = max_waiting
        self._arrived = asyncio.Event()

    def put(self, item: T, *, urgent: bool = False) -> None:
        """Queue `item` for the next flush; `urgent` items were accepted before and go first.
        Raises Unavailable if too many wait."""
        if urgent:
            self.waiting.appendleft(item)
        elif len(self.waiting) >= self._max_waiting:
            raise Unavailable(
                f"{self._max_waiting} writes wait already. Repeat the same request later."
            )
        else:
            self.waiting.append(item)
        self._arrived.set()

    async def run(self) -> None:
        """Flush for ever. `flush` takes from `waiting` and handles its own errors."""
        delay_seconds = _RECONNECT_DELAY_SECONDS
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self.waiting:
                try:
                    await self._flush()
                    delay_seconds = _RECONNECT_DELAY_SECONDS
                except LostFlush as error:
                    logger.warning("lost the connection to Postgres in a write: %s", error)
                    await asyncio.sleep(delay_seconds)
                    delay_seconds = min(2 * delay_seconds, _MAX_RECONNECT_DELAY_SECONDS)
                # Read what has arrived before the next flush: fewer and larger ones cost less.
                await asyncio.sleep(0)
