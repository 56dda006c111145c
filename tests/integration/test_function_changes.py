"""Changes of functions as other replicas see them, whose clocks stand still: nothing that they
remember ever grows old."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from perdure_service.domain.errors import ResourceNotFound
from perdure_service.domain.functions import Alias
from perdure_service.postgres.aliases import PostgresAliases
from perdure_service.postgres.engine import open_engine
from perdure_service.postgres.fresh_looks import FRESH_SECONDS
from perdure_service.postgres.function_limits import PostgresLimits
from perdure_service.postgres.function_store import PostgresFunctionStore
from perdure_service.postgres.functions import PostgresFunctions
from perdure_service.postgres.notify import Notifier
from perdure_service.postgres.reading import ReadPool
from tests.support.function_store import function_changes
from tests.support.functions import ACCOUNT, REGION, function_version
from tests.support.hand_clock import HandClock

LIVE = Alias(ACCOUNT, REGION, "order", "live", "1", "", "0197e0c3-2c40-7000-8000-0000000000f3")
PATIENCE_SECONDS = 30


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Functions:
    """What one replica knows of functions, what it changes, and of which changes it has heard."""

    catalogue: PostgresFunctions
    store: PostgresFunctionStore
    aliases: PostgresAliases
    clock: HandClock
    heard: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    def hear(self, name: str) -> None:
        self.catalogue.forget(name)
        self.heard.put_nowait(name)

    async def hears(self, name: str) -> None:
        async with asyncio.timeout(PATIENCE_SECONDS):
            assert await self.heard.get() == name

    async def meant_by_live(self) -> str:
        return (await self.catalogue.alias("order", "live")).version


@asynccontextmanager
async def functions(url: str, *, notifies: bool) -> AsyncIterator[Functions]:
    engine, clock = open_engine(url), HandClock()
    catalogue = PostgresFunctions(engine, clock, ACCOUNT, REGION)
    changes = function_changes(engine, catalogue, notifies=notifies)
    try:
        yield Functions(
            catalogue, PostgresFunctionStore(changes, clock), PostgresAliases(changes), clock
        )
    finally:
        await engine.dispose()


@asynccontextmanager
async def listening(url: str, to: Functions) -> AsyncIterator[None]:
    pool, listens = ReadPool(url, 1), asyncio.Event()
    notifier = Notifier(
        url,
        on_hint=listens.set,
        on_function_changed=to.hear,
        is_awaited=lambda _: False,
        limits=PostgresLimits(pool),
    )
    running = asyncio.create_task(notifier.run())
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            await listens.wait()
        yield
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await pool.close()


async def with_two_versions(one: Functions) -> None:
    """The function `order`, with the alias `live` at the first."""
    await one.store.create(function_version(), publish=True)
    await one.aliases.create(LIVE)
    await one.store.change_latest(
        "order", lambda latest: replace(latest, memory_mb=256), publish=True
    )


async def test_another_replica_hears_at_once_of_every_change(database_url: str) -> None:
    async with (
        functions(database_url, notifies=True) as one,
        functions(database_url, notifies=True) as other,
    ):
        await with_two_versions(one)
        async with listening(database_url, other):
            assert await other.meant_by_live() == "1"
            first = await other.catalogue.resolve("order", "1")
            await one.aliases.change("order", "live", lambda live: replace(live, version="2"))
            await other.hears("order")
            assert await other.meant_by_live() == "2"
            await one.store.delete_version("order", "1")
            await other.hears("order")
            for gone in (other.catalogue.resolve("order", "1"), other.catalogue.by_id(first.id)):
                with pytest.raises(ResourceNotFound):
                    await gone
            await other.catalogue.resolve("order", None)
            await one.store.change_latest("order", lambda latest: replace(latest, memory_mb=1_024))
            await other.hears("order")
            assert (await other.catalogue.resolve("order", None)).memory_mb == 1_024


async def test_a_change_that_fails_is_told_to_nobody(database_url: str) -> None:
    async with functions(database_url, notifies=True) as one:
        await with_two_versions(one)
        async with listening(database_url, one):
            with pytest.raises(ResourceNotFound):
                await one.store.delete_version("order", "9")
            await one.aliases.delete("order", "live")
            await one.hears("order")
            assert one.heard.empty()


async def test_without_notify_a_change_is_seen_a_second_later(database_url: str) -> None:
    async with (
        functions(database_url, notifies=False) as one,
        functions(database_url, notifies=False) as other,
    ):
        await with_two_versions(one)
        assert await other.meant_by_live() == "1"
        await one.aliases.change("order", "live", lambda live: replace(live, version="2"))
        assert await one.meant_by_live() == "2", "its own change a replica always sees"
        assert await other.meant_by_live() == "1"
        other.clock.pass_by(FRESH_SECONDS)
        assert await other.meant_by_live() == "2"
