"""The lanes' way to Postgres: what it answers, refuses and survives."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg
import pytest

from perdure_service.postgres import prepared
from perdure_service.postgres.arrays import Blobs, Int4s, PackedArray, Texts
from perdure_service.postgres.connection import connect
from perdure_service.postgres.prepared import PreparedStatements
from perdure_service.postgres.statement import Statement

_NUMBERS = "SELECT * FROM unnest($1::integer[])"
_PID = "SELECT pg_backend_pid() FROM unnest($1::integer[])"


def asking(sql: str, parameter: PackedArray) -> Statement:
    return Statement(sql, (parameter.oid,), (parameter.packed,))


@asynccontextmanager
async def statements_on(url: str) -> AsyncIterator[PreparedStatements]:
    statements = PreparedStatements(await connect(url, name="test", writer=True))
    try:
        yield statements
    finally:
        await statements.close()
        assert not statements.is_open


async def test_a_statement_answers_its_first_column_again_and_again(database_url: str) -> None:
    async with statements_on(database_url) as statements:
        for numbers in ([1, -2, 2**31 - 1], [], [7]):
            assert await statements.integers(asking(_NUMBERS, Int4s(numbers))) == numbers


async def test_a_value_that_postgres_refuses_leaves_the_connection_usable(
    database_url: str,
) -> None:
    async with statements_on(database_url) as statements:
        with pytest.raises(psycopg.DataError) as refused:
            await statements.integers(
                asking("SELECT length(t) FROM unnest($1::text[]) AS t", Texts(["\x00"]))
            )
        assert refused.value.diag.message_primary is not None
        with pytest.raises(psycopg.errors.UndefinedTable):
            await statements.integers(
                asking("SELECT n FROM nothing, unnest($1::integer[])", Int4s([1]))
            )
        assert await statements.integers(asking(_NUMBERS, Int4s([1]))) == [1]


async def test_more_than_the_socket_takes_at_once_is_sent_in_pieces(database_url: str) -> None:
    sizes = [5 << 20, 3 << 20]
    async with statements_on(database_url) as statements:
        lengths = await statements.integers(
            asking(
                "SELECT length(b) FROM unnest($1::bytea[]) AS b", Blobs([bytes(n) for n in sizes])
            )
        )
    assert lengths == sizes


async def test_old_statements_are_forgotten_when_there_are_too_many(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "_MAX_PREPARED", 2)
    async with statements_on(database_url) as statements:
        for n in (1, 2, 3, 1, 2):
            assert await statements.integers(asking(_NUMBERS + n * " ", Int4s([n]))) == [n]


async def test_a_connection_that_breaks_in_a_statement_raises_an_operational_error(
    database_url: str,
) -> None:
    async with statements_on(database_url) as statements:
        with pytest.raises(psycopg.OperationalError):
            await statements.integers(
                Statement("SELECT 1 FROM pg_terminate_backend(pg_backend_pid())")
            )


async def test_a_postgres_that_does_not_answer_is_given_up(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "ANSWER_SECONDS", 0.05)
    async with statements_on(database_url) as statements:
        assert await statements.integers(Statement("SELECT 1")) == [1]
        with pytest.raises(psycopg.OperationalError, match="did not answer"):
            await statements.integers(Statement("SELECT 1 FROM pg_sleep(60)"))
        assert not statements.is_open


async def test_a_connection_that_breaks_while_idle_is_known_to_be_broken(database_url: str) -> None:
    async with statements_on(database_url) as statements:
        (pid,) = await statements.integers(asking(_PID, Int4s([1])))
        async with await connect(database_url, name="test") as other:
            await other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        async with asyncio.timeout(10):
            while statements.is_open:  # noqa: ASYNC110  # there is nobody to tell us
                await asyncio.sleep(0.001)
