"""One lane of group commit.

Work that arrives while a flush is in flight waits and goes out as the next one: no timer, no
added delay when idle, one fsync for the batch. A lane owns one connection and sends one statement
at a time; its queue is bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

import psycopg

from perdure_service.domain.errors import InvalidParameterValue, Unavailable
from perdure_service.postgres.connection import connect
from perdure_service.postgres.prepared import PreparedStatements
from perdure_service.postgres.statement import Statement

T = TypeVar("T")

logger = logging.getLogger(__name__)

_RECONNECT_DELAY_SECONDS = 0.05
_MAX_RECONNECT_DELAY_SECONDS = 1.0
_MAX_DUE_IN_A_ROW = 4
"""Flushes of what is due before one of what waits: neither starves."""


UNSTORABLE = (psycopg.DataError, UnicodeEncodeError)
"""What comes of a value that Postgres cannot hold."""


class LostFlush(Exception):
    """The connection broke under a flush: whether it was committed is unknown."""


def unstorable(error: psycopg.DataError | UnicodeEncodeError) -> InvalidParameterValue:
    """What the caller is told whose value it is."""
    reason = error.diag.message_primary if isinstance(error, psycopg.Error) else error
    return InvalidParameterValue(f"A value cannot be stored: {reason}")


class LaneConnection:
    """The lane's connection to Postgres, opened anew after it broke."""

    def __init__(self, url: str, name: str) -> None:
        self._url = url
        self._name = name
        self._connection: PreparedStatements | None = None

    async def execute(
        self, statement: Statement, meanwhile: Callable[[], None] | None = None
    ) -> list[int]:
        """Run one append; the places that won. `meanwhile` is called when it has been sent. Raises
        LostFlush, or psycopg.DataError for a value that Postgres cannot hold."""
        try:
            statements = await self._open()
            return await statements.integers(statement, meanwhile)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
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
    """Two queues of items and the loop that flushes them in batches: what is due overtakes what
    waits, and a flush has items of one queue only, so that a clock is not late for a crowd."""

    def __init__(self, flush: Callable[[], Awaitable[None]], max_waiting: int) -> None:
        self.waiting: deque[T] = deque()
        self.due: deque[T] = deque()
        self._due_in_a_row = 0
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

    def put_due(self, item: T) -> None:
        """Queue what should have happened by now. The caller bounds how many of them there are."""
        self.due.append(item)
        self._arrived.set()

    def next_queue(self) -> deque[T]:
        """Where the flush that begins now takes from."""
        if self.due and not (self.waiting and self._due_in_a_row >= _MAX_DUE_IN_A_ROW):
            self._due_in_a_row += 1
            return self.due
        self._due_in_a_row = 0
        return self.waiting

    async def run(self) -> None:
        """Flush for ever. `flush` takes from `next_queue` and handles its own errors."""
        delay_seconds = _RECONNECT_DELAY_SECONDS
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            while self.waiting or self.due:
                try:
                    await self._flush()
                    delay_seconds = _RECONNECT_DELAY_SECONDS
                except LostFlush as error:
                    logger.warning("lost the connection to Postgres in a write: %s", error)
                    await asyncio.sleep(delay_seconds)
                    delay_seconds = min(2 * delay_seconds, _MAX_RECONNECT_DELAY_SECONDS)
                if not self.due:
                    # Read what has arrived before the next flush: fewer and larger ones cost less.
                    await asyncio.sleep(0)
