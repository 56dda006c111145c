"""Prepared statements on libpq itself, for the lanes.

A lane sends the same few statements with packed parameters, one at a time, and wants whole numbers
back. psycopg's cursor is made for every case and takes a tenth of a small flush.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import psycopg
from psycopg.errors import error_from_result
from psycopg.pq import ExecStatus, Format
from psycopg.pq.abc import PGresult

from perdure_service.postgres.connection import Connection
from perdure_service.postgres.statement import Statement

ANSWER_SECONDS = 30.0
"""Longer than a statement may take: what takes longer is a server that is gone."""

_MAX_PREPARED = 200
_REFUSED = frozenset({ExecStatus.FATAL_ERROR, ExecStatus.BAD_RESPONSE})


class PreparedStatements:
    """Runs statements on `connection`, which nobody else uses from now on, one after the other.

    An error of the statement leaves the connection usable. When the connection itself breaks, idle
    or not, `is_open` becomes False.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._libpq = connection.pgconn
        self._socket = self._libpq.socket
        self._loop = asyncio.get_running_loop()
        self._names: dict[str, bytes] = {}
        self._results: list[PGresult] = []
        self._answer: asyncio.Future[list[PGresult]] | None = None
        self._overdue_at = 0.0
        self._watchdog: asyncio.TimerHandle | None = None
        self._loop.add_reader(self._socket, self._receive)

    @property
    def is_open(self) -> bool:
        return not self._connection.closed

    async def integers(
        self, statement: Statement, meanwhile: Callable[[], None] | None = None
    ) -> list[int]:
        """The first column of the answer. `meanwhile` is called when the statement has been sent;
        it must not raise. Raises psycopg.Error; what an OperationalError leaves behind is to be
        closed."""
        name = self._names.get(statement.sql) or await self._prepare(statement)
        values = statement.values
        self._libpq.send_query_prepared(name, values, [Format.BINARY] * len(values), Format.BINARY)
        (result,) = await self._answered(meanwhile)
        return [_integer(result.get_value(row, 0)) for row in range(result.ntuples)]

    async def close(self) -> None:
        if self.is_open:
            self._stop_watching()
            await self._connection.close()

    async def _prepare(self, statement: Statement) -> bytes:
        if len(self._names) == _MAX_PREPARED:
            self._libpq.send_query(b"DEALLOCATE ALL")
            await self._answered()
            self._names.clear()
        name = b"lane %d" % len(self._names)
        self._libpq.send_prepare(name, statement.sql.encode(), statement.types)
        await self._answered()
        self._names[statement.sql] = name
        return name

    async def _answered(self, meanwhile: Callable[[], None] | None = None) -> list[PGresult]:
        """The results of what was just sent."""
        self._answer = self._loop.create_future()
        self._send()
        if meanwhile is not None:
            meanwhile()
        self._overdue_at = self._loop.time() + ANSWER_SECONDS
        if self._watchdog is None:
            self._watchdog = self._loop.call_later(ANSWER_SECONDS, self._look)
        results = await self._answer
        for result in results:
            if result.status in _REFUSED:
                raise error_from_result(result)
        return results

    def _send(self) -> None:
        try:
            unsent = self._libpq.flush()
        except psycopg.OperationalError as error:
            self._break(error)
            return
        if unsent:
            self._loop.add_writer(self._socket, self._send)
        else:
            self._loop.remove_writer(self._socket)

    def _receive(self) -> None:
        try:
            self._libpq.consume_input()
            while not self._libpq.is_busy():
                result = self._libpq.get_result()
                if result is None:
                    self._finish()
                    return
                self._results.append(result)
        except psycopg.OperationalError as error:
            self._break(error)

    def _look(self) -> None:
        """One timer for many answers, instead of one that starts anew with each."""
        self._watchdog = None
        if self._answer is None or self._answer.done():
            return
        left_seconds = self._overdue_at - self._loop.time()
        if left_seconds > 0:
            self._watchdog = self._loop.call_later(left_seconds, self._look)
        else:
            text = f"Postgres did not answer within {ANSWER_SECONDS:g} seconds"
            self._break(psycopg.OperationalError(text))

    def _finish(self) -> None:
        results, self._results = self._results, []
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(results)

    def _break(self, error: psycopg.OperationalError) -> None:
        self._stop_watching()
        self._libpq.finish()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)

    def _stop_watching(self) -> None:
        if self._watchdog is not None:
            self._watchdog.cancel()
        self._loop.remove_reader(self._socket)
        self._loop.remove_writer(self._socket)


def _integer(value: bytes | None) -> int:
    assert value is not None
    return int.from_bytes(value, signed=True)
