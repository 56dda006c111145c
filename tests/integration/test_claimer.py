"""Invocations that wait for a slot, and what they cost those who have one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import create_async_engine

from perdure_service.dispatch.claimer import Claimer
from perdure_service.dispatch.in_turn import InTurn
from perdure_service.domain.decide_invocation import Claim
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import FunctionVersionId
from perdure_service.ports.dispatch import NoDispatch
from perdure_service.postgres.connection import sqlalchemy_url
from perdure_service.postgres.function_limits import PostgresLimits
from perdure_service.postgres.functions import PostgresFunctions
from tests.support.deployed import deploy
from tests.support.function_store import function_store
from tests.support.functions import ACCOUNT, REGION, function_version
from tests.support.logs import replica


@dataclass
class NoSlots(NoDispatch):
    """All slots are taken; tells how often one was asked for."""

    asked: int = 0

    def is_exhausted(self, version_id: FunctionVersionId) -> bool:
        return True

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        self.asked += 1
        return None


class Watched(PostgresFunctions):
    """Tells how often a version was looked up."""

    lookups = 0

    async def by_id(self, id_: FunctionVersionId) -> FunctionVersion:
        self.lookups += 1
        return await super().by_id(id_)


async def test_one_that_finds_no_slot_is_looked_up_once_however_often_slots_are_offered(
    database_url: str,
) -> None:
    """A thousand functions without workers must not delay those that have some."""
    async with replica(database_url) as one:
        engine = create_async_engine(sqlalchemy_url(database_url))
        catalogue, slots = Watched(engine, one.clock, ACCOUNT, REGION), NoSlots()
        store = function_store(engine, one.clock, catalogue)
        await store.create(function_version())
        claimer = Claimer(one.log, slots, catalogue, PostgresLimits(one.pool), one.clock)
        running = asyncio.create_task(claimer.run())
        execution = await one.started(1)
        version_id = execution.identity.function_version_id
        claimer.offer(version_id, execution.id)
        async with asyncio.timeout(30):
            while slots.asked < 10:
                claimer.slots_are_free(["order"], of_pools=False)
                claimer.offer(version_id, execution.id)
                await asyncio.sleep(0)
        assert catalogue.lookups == 1
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await engine.dispose()


async def test_what_was_just_queued_leaves_shared_slots_to_those_that_wait(
    database_url: str,
) -> None:
    async with replica(database_url) as one:
        engine = create_async_engine(sqlalchemy_url(database_url))
        catalogue, slots = PostgresFunctions(engine, one.clock, ACCOUNT, REGION), NoSlots()
        first, second = (
            FunctionVersionId(deploy(database_url, name, runtime="python3.13"))
            for name in ("one", "two")
        )
        for version_id in (first, second):
            await catalogue.by_id(version_id)
        claimer = Claimer(one.log, slots, catalogue, PostgresLimits(one.pool), one.clock)
        running = asyncio.create_task(claimer.run())
        at_once = InTurn(slots, claimer)
        assert at_once.reserve(second) is None
        assert slots.asked == 1, "nobody waits"
        waiting = (await one.started(1)).id
        async with asyncio.timeout(30):
            while slots.asked < 2:
                claimer.offer(first, waiting)
                await asyncio.sleep(0)
        asked = slots.asked
        assert at_once.reserve(second) is None
        assert slots.asked == asked, "it is the turn of the first"
        assert at_once.reserve(first) is None
        assert slots.asked == asked + 1, "which may ask for itself"
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await engine.dispose()
