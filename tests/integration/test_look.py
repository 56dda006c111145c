"""The once-a-second look on a real Postgres: what it finds and what it leaves alone."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

import psycopg

from perdure_service.domain.decide_invocation import Claim, decide_claim
from perdure_service.domain.decide_pause import PauseRequest, decide_pause
from perdure_service.domain.ids import ExecutionId, FunctionVersionId, InvocationId, WorkerId
from perdure_service.domain.instant import Instant, after
from perdure_service.ports.look import LookRequest, Ready, Sighting
from perdure_service.ports.workers import Claimed, Heard, WorkerCard
from perdure_service.postgres.function_limits import PostgresLimits
from perdure_service.postgres.look import MOST_READY_EACH, PostgresLook
from tests.support.executions import WORKER, identity
from tests.support.logs import Replica, replica, wait

LEASE_SECONDS = 8
CARD = WorkerCard(WORKER, "host", 1, ("order",))
OTHER = WorkerCard(WorkerId(str(uuid.uuid4())), "host", 2, ("order",))


async def look(by: Replica, in_seconds: float = 0, **changes: Any) -> Sighting:
    """As a replica would look that long from now."""
    now = after(by.clock.now(), in_seconds)
    wanted: dict[str, Any] = {
        "now": now,
        "workers": [],
        "served": ["order"],
        "runtimes": [],
        "awaited": [],
        "upcoming_from": now,
        "upcoming_to": now,
        "lease_seconds": LEASE_SECONDS,
        "may_end_leases": True,
        "claimed_before": Instant(0),
    }
    return await PostgresLook(by.pool, by.clock, PostgresLimits(by.pool))(
        LookRequest(**{**wanted, **changes})
    )


async def claimed(by: Replica, number: int, card: WorkerCard = CARD) -> Claimed:
    id_ = (await by.started(number)).id
    invocation_id = InvocationId(str(uuid.uuid4()))
    claim = Claim(card.id, invocation_id)
    await by.log.commit(id_, lambda execution, moment: decide_claim(execution, claim, moment))
    return Claimed(id_, invocation_id, card.id)


def lost(found: Sighting) -> set[tuple[ExecutionId, InvocationId]]:
    return set(found.lost)


def pairs(claims: Sequence[Claimed]) -> set[tuple[ExecutionId, InvocationId]]:
    return {(claim.execution_id, claim.invocation_id) for claim in claims}


async def test_timers_are_found_when_they_are_overdue_and_before_they_are_due(
    database_url: str,
) -> None:
    async with replica(database_url) as one:
        token = await one.claimed((await one.started(1)).id)
        await one.checkpoint(token, wait("w", 30))
        due_at = (await one.log.recent(token.execution_id)).next_due_at
        now = one.clock.now()
        soon = await look(one, upcoming_from=now, upcoming_to=after(now, 60))
        assert soon.upcoming == [(due_at, token.execution_id)]
        assert soon.overdue == []
        assert (await look(one, 29)).overdue == []
        late = await look(one, 31)
        assert late.overdue == [token.execution_id]


async def test_ready_invocations_are_found_for_the_functions_that_are_served(
    database_url: str,
) -> None:
    async with replica(database_url) as one:
        queued = await one.started(1)
        await claimed(one, 2)
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO function_version (id, account, function_name, version, region,"
                " timeout_seconds, memory_mb, package_type, description, revision_id, created_at)"
                " VALUES (%s, '0', 'order', '1', 'r', 1, 1, 'Zip', '', '', clock_timestamp())",
                (queued.identity.function_version_id,),
            )
            found = Ready(queued.identity.function_version_id, queued.id)
            assert (await look(one)).ready == [found]
            assert (await look(one, served=["another"])).ready == []
            assert (await look(one, -60)).ready == []
            connection.execute(
                "UPDATE function_version SET deployed = true, runtime = 'python3.13',"
                " handler = 'app.handler', code_sha256 = repeat('ab', 32), code_bytes = 1"
            )
            assert (await look(one)).ready == [], "a pool runs it by now"
            assert (await look(one, runtimes=["python3.13"])).ready == [found]
            assert (await look(one, runtimes=["nodejs24.x"])).ready == []


async def test_a_lease_ends_when_nobody_has_heard_of_its_worker(database_url: str) -> None:
    async with replica(database_url) as one:
        claim = await claimed(one, 1)
        assert lost(await look(one)) == set(), "the claim itself is a sign of life"
        assert lost(await look(one, LEASE_SECONDS + 1)) == pairs([claim])
        unsteady = await look(one, LEASE_SECONDS + 1, may_end_leases=False)
        assert lost(unsteady) == set()


async def test_the_lease_of_a_worker_that_was_heard_of_goes_on(database_url: str) -> None:
    async with replica(database_url) as one:
        claim = await claimed(one, 1)
        await look(one, 20, workers=[Heard(CARD, 1.0)])
        assert lost(await look(one, 18 + LEASE_SECONDS)) == set()
        assert lost(await look(one, 20 + LEASE_SECONDS)) == pairs([claim])


async def test_a_replica_that_has_not_heard_of_a_worker_does_not_make_it_older(
    database_url: str,
) -> None:
    async with replica(database_url) as one:
        await claimed(one, 1)
        await look(one, 20, workers=[Heard(CARD, 0.5)])
        await look(one, 20, workers=[Heard(CARD, 7.0)])
        assert lost(await look(one, 19 + LEASE_SECONDS)) == set()


async def test_a_worker_that_has_just_come_back_keeps_what_it_holds(database_url: str) -> None:
    async with replica(database_url) as one:
        claim = await claimed(one, 1)
        back = await look(one, 60, workers=[Heard(CARD, 0.0)])
        assert lost(back) == set()
        assert lost(await look(one, 80)) == pairs([claim])


async def test_claims_of_the_workers_here_are_listed_once_they_are_old(database_url: str) -> None:
    async with replica(database_url) as one:
        mine = await claimed(one, 1)
        await claimed(one, 2, OTHER)
        workers = [Heard(CARD, 0.0)]
        assert (await look(one, workers=workers)).claimed == []
        since = after(one.clock.now(), 1)
        assert (await look(one, workers=workers, claimed_before=since)).claimed == [mine]


async def test_an_awaited_execution_is_reported_when_it_has_closed_or_is_purged(
    database_url: str,
) -> None:
    async with replica(database_url) as one, replica(database_url) as two:
        open_, closed, paused = [(await one.started(number)).id for number in (1, 2, 3)]
        await two.stopped(closed)
        await two.log.commit(paused, lambda e, moment: decide_pause(e, PauseRequest(), moment))
        purged = identity(4).id
        awaited = [open_, closed, paused, purged]
        assert set((await look(one, awaited=awaited)).closed) == {closed, purged}


async def test_a_crowd_of_one_function_hides_no_other(database_url: str) -> None:
    async with replica(database_url) as one:
        queued = await one.started(1)
        crowd = FunctionVersionId(str(uuid.uuid4()))
        with psycopg.connect(database_url, autocommit=True) as connection:
            add = (
                "INSERT INTO function_version (id, account, function_name, version, region,"
                " timeout_seconds, memory_mb, package_type, description, revision_id, created_at)"
                " VALUES (%s, '0', %s, '1', 'r', 1, 1, 'Zip', '', '', clock_timestamp())"
            )
            connection.execute(add, (queued.identity.function_version_id, "order"))
            connection.execute(add, (crowd, "crowd"))
            connection.execute(
                "INSERT INTO invocation (part, execution_id, function_version_id, ready_at)"
                " SELECT n %% 4096, gen_random_uuid(), %s, now() - n * interval '1 second'"
                " FROM generate_series(1, 10000) n",
                (crowd,),
            )
        found = await look(one, served=["order", "crowd"])
        assert Ready(queued.identity.function_version_id, queued.id) in found.ready
        assert len(found.ready) == MOST_READY_EACH + 1
        assert found.left_out == {crowd}
        assert not found.is_full, "the next look would find the same"
        alone = await look(one)
        assert len(alone.ready) == 1, "nobody serves the crowd"
        assert alone.left_out == set()
