"""Functions in Postgres: what is secret, what is cleaned up."""

from __future__ import annotations

import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import psycopg
import pytest

from perdure_service.domain.code_archive import CodeArchive
from perdure_service.domain.errors import ResourceNotFound
from perdure_service.postgres.code import PostgresCode
from perdure_service.postgres.engine import open_engine
from perdure_service.postgres.function_store import PostgresFunctionStore
from perdure_service.postgres.functions import PostgresFunctions
from perdure_service.postgres.transactions import BrokenConstraint
from tests.support.function_store import function_store
from tests.support.functions import ACCOUNT, REGION, function_version
from tests.support.logs import replica


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass(frozen=True, slots=True)
class Stores:
    functions: PostgresFunctionStore
    code: PostgresCode


@asynccontextmanager
async def stores(url: str) -> AsyncIterator[Stores]:
    async with replica(url) as one:
        engine = open_engine(url)
        catalogue = PostgresFunctions(engine, one.clock, ACCOUNT, REGION)
        try:
            yield Stores(
                function_store(engine, one.clock, catalogue),
                PostgresCode(engine, one.clock),
            )
        finally:
            await engine.dispose()


def code(number: int) -> CodeArchive:
    return CodeArchive(f"{number:064x}", f"zip {number}".encode())


def age(url: str, archive: CodeArchive) -> None:
    with psycopg.connect(url) as connection:
        connection.execute(
            "UPDATE code_artifact SET created_at = created_at - interval '2 hours'"
            " WHERE sha256 = %s",
            (archive.sha256,),
        )


async def test_an_environment_is_in_no_error_of_the_database(database_url: str) -> None:
    async with stores(database_url) as store:
        await store.functions.create(function_version())
        with pytest.raises(BrokenConstraint) as failed:
            await store.functions.change_latest(
                "order",
                lambda latest: replace(latest, deployed=True, environment={"KEY": "hush"}),
            )
        shown = "".join(traceback.format_exception(failed.value))
        assert "deployed_is_whole" in shown
        assert "hush" not in shown


async def test_code_that_nobody_names_is_dropped_after_an_hour(database_url: str) -> None:
    old, used, young, newest = map(code, range(1, 5))
    async with stores(database_url) as store:
        for archive in (old, used, young):
            await store.code.put(archive)
        await store.functions.create(function_version(code_sha256=used.sha256))
        for archive in (old, used):
            age(database_url, archive)
        await store.code.put(newest)
        for kept in (used, young, newest):
            assert await store.code.get(kept.sha256) == kept.content
        with pytest.raises(ResourceNotFound):
            await store.code.get(old.sha256)


async def test_code_that_is_sent_again_is_young_again(database_url: str) -> None:
    async with stores(database_url) as store:
        await store.code.put(code(1))
        age(database_url, code(1))
        await store.code.put(code(1))
        await store.code.put(code(2))
        assert await store.code.size_bytes(code(1).sha256) == len(code(1).content)


async def test_the_size_of_served_code_is_known_once_it_was_uploaded(database_url: str) -> None:
    async with stores(database_url) as store:
        await store.functions.create(function_version(code_sha256=code(1).sha256))
        await store.code.put(code(1))
        (latest,) = await store.functions.list_versions("order")
        assert latest.code_bytes == len(code(1).content)
