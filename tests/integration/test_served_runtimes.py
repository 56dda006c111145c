"""For how long a runtime counts as served after its workers went, and after the service did."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from perdure_service.application.served_runtimes import RETURN_SECONDS, ServedRuntimes
from perdure_service.domain.ids import WorkerId
from perdure_service.ports.workers import Pool, WorkerCard
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.worker_register import PostgresWorkerRegister
from tests.support.functions import function_version
from tests.support.hand_clock import HandClock

DEPLOYED = function_version(deployed=True, runtime="python3.13")
HOUR_SECONDS = 3_600


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Installation:
    clock: HandClock
    register: PostgresWorkerRegister
    card: WorkerCard

    def service(self) -> ServedRuntimes:
        """One that begins now."""
        return ServedRuntimes(self.register, self.clock)


@pytest.fixture
async def installation(database_url: str) -> AsyncIterator[Installation]:
    """Its one worker of Python has just registered."""
    pool, clock = ReadPool(database_url, 1), HandClock()
    register = PostgresWorkerRegister(pool, clock)
    pools = (Pool("python3.13", "CPython 3.13.5"),)
    card = WorkerCard(WorkerId(str(uuid.uuid4())), "host", 1, (), pools, 4)
    await register.enter(card)
    yield Installation(clock, register, card)
    await pool.close()


async def test_a_runtime_is_served_until_half_a_minute_after_its_last_worker_was_seen(
    installation: Installation,
) -> None:
    runtimes = installation.service()
    installation.clock.pass_by(HOUR_SECONDS)
    assert await runtimes.refusal(DEPLOYED) is not None
    await installation.register.enter(installation.card)
    await installation.register.cross_out(installation.card.id)
    assert await runtimes.refusal(DEPLOYED) is None
    installation.clock.pass_by(RETURN_SECONDS - 1)
    assert await runtimes.refusal(DEPLOYED) is None
    installation.clock.pass_by(10)
    refusal = await runtimes.refusal(DEPLOYED)
    assert refusal is not None
    assert "No runtime is served now." in refusal.message


async def test_after_a_restart_of_the_service_workers_have_half_a_minute_to_come_back(
    installation: Installation,
) -> None:
    installation.clock.pass_by(HOUR_SECONDS)
    runtimes = installation.service()
    assert await runtimes.refusal(DEPLOYED) is None
    installation.clock.pass_by(RETURN_SECONDS + 1)
    assert await runtimes.refusal(DEPLOYED) is not None
    installation.clock.pass_by(24 * HOUR_SECONDS)
    assert await installation.service().refusal(DEPLOYED) is not None, "that one is gone for good"


async def test_what_was_not_deployed_needs_no_pool(installation: Installation) -> None:
    installation.clock.pass_by(48 * HOUR_SECONDS)
    live = function_version(deployed=False, runtime="python3.13")
    assert await installation.service().refusal(live) is None
