"""Purging on a real Postgres: what goes, what stays, and that nothing brings it back."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest
from psycopg import sql

from perdure_service.application.closings import Closings
from perdure_service.application.hear_child import HearChild
from perdure_service.domain.apply_update import ResolvedTarget
from perdure_service.domain.decide_delete import decide_delete
from perdure_service.domain.errors import InvalidCheckpointToken, ResourceNotFound
from perdure_service.domain.execution import Execution, ParentLink
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import Action, OperationType, OperationUpdate
from perdure_service.ports.dispatch import NoDispatch
from perdure_service.ports.log import NameLock
from perdure_service.postgres import graveyard
from perdure_service.postgres.connection import connect
from perdure_service.postgres.graveyard import DUE, NEXT, PURGE, PostgresGraveyard
from perdure_service.postgres.notices import PostgresNotices
from perdure_service.scheduler.retention import Retention
from tests.support.executions import identity
from tests.support.logs import Replica, callback, replica, step, wait
from tests.support.waiting import eventually

DAY = 86_400
TABLES = {
    "execution": "id",
    "event": "execution_id",
    "execution_name": "execution_id",
    "timer": "execution_id",
    "callback": "execution_id",
    "invocation": "execution_id",
    "notice": "parent_id",
}


@pytest.fixture
async def one(database_url: str) -> AsyncIterator[Replica]:
    async with replica(database_url) as one:
        yield one


@pytest.fixture
def yard(database_url: str) -> PostgresGraveyard:
    return PostgresGraveyard(database_url)


def rows_of(url: str, id_: str) -> dict[str, int]:
    """In how many rows of each table an execution stands; tables without it are left out."""
    with psycopg.connect(url) as connection:
        count = sql.SQL("SELECT count(*) FROM {} WHERE {} = %s")
        counts = {
            table: connection.execute(
                count.format(sql.Identifier(table), sql.Identifier(key)), [id_]
            ).fetchone()
            for table, key in TABLES.items()
        }
    return {table: row[0] for table, row in counts.items() if row is not None and row[0]}


async def closed(one: Replica, number: int, **changes: object) -> ExecutionId:
    """An execution with a bit of everything, stopped."""
    new = one.new(number, **changes)
    lock = NameLock(f"order-{number}", b"hash")
    assert isinstance(await one.log.start(new, lock), Execution)
    token = await one.claimed(new.identity.id)
    await one.checkpoint(token, *step("a"), wait("b", 60), callback("c", 90, 30))
    await one.stopped(new.identity.id)
    return new.identity.id


async def deleted(one: Replica, id_: ExecutionId) -> Instant:
    return (await one.log.commit(id_, decide_delete)).answer


async def test_an_execution_goes_with_all_its_rows_when_its_retention_is_over(
    database_url: str, one: Replica, yard: PostgresGraveyard
) -> None:
    kept, gone = await closed(one, 1), await closed(one, 2, retention_days=1)
    before = rows_of(database_url, kept)
    assert set(before) == {"execution", "event", "execution_name", "invocation"}
    ended_at = (await one.log.read(gone)).ended_at
    assert ended_at is not None
    too_soon = await yard.purge(after(ended_at, DAY - 0.001))
    assert (too_soon.ids, too_soon.is_more) == ([], False)
    assert too_soon.next_at == after(ended_at, DAY)
    purged = await yard.purge(after(ended_at, DAY))
    assert (purged.ids, purged.is_more) == ([gone], False)
    assert rows_of(database_url, gone) == {}
    assert rows_of(database_url, kept) == before


async def test_a_plain_invocation_goes_after_an_hour(
    database_url: str, one: Replica, yard: PostgresGraveyard
) -> None:
    id_ = await closed(one, 1, durable=False)
    now = one.clock.now()
    assert (await yard.purge(after(now, 3_500))).ids == []
    assert (await yard.purge(after(now, 3_700))).ids == [id_]
    assert rows_of(database_url, id_) == {}


async def test_what_is_open_stays_however_old(one: Replica, yard: PostgresGraveyard) -> None:
    await one.started(1)
    purged = await yard.purge(after(one.clock.now(), 1_000 * DAY))
    assert (purged.ids, purged.is_more, purged.next_at) == ([], False, None)


async def test_a_deleted_execution_leaves_its_name_at_once_and_goes_in_the_next_pass(
    database_url: str, one: Replica, yard: PostgresGraveyard
) -> None:
    id_ = await closed(one, 1)
    requested_at = await deleted(one, id_)
    assert "execution_name" not in rows_of(database_url, id_)
    new = one.new(2)
    taken_over = await one.log.start(new, NameLock("order-1", b"other"))
    assert isinstance(taken_over, Execution)
    assert (await yard.purge(requested_at)).ids == [id_]
    assert rows_of(database_url, new.identity.id)["execution_name"] == 1


async def test_a_name_that_was_taken_over_stays_with_its_new_holder(
    database_url: str, one: Replica, yard: PostgresGraveyard
) -> None:
    old = await closed(one, 1)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("UPDATE execution_name SET expires_at = now() - interval '1 second'")
    new = one.new(2)
    assert isinstance(await one.log.start(new, NameLock("order-1", b"hash")), Execution)
    purged = await yard.purge(after(one.clock.now(), 15 * DAY))
    assert purged.ids == [old]
    assert rows_of(database_url, new.identity.id)["execution_name"] == 1


async def test_another_replica_that_still_has_it_cannot_bring_it_back(
    database_url: str, one: Replica, yard: PostgresGraveyard
) -> None:
    async with replica(database_url) as two:
        execution = await one.started(1)
        token = await one.claimed(execution.id)
        stale = await two.log.read(execution.id)
        await one.stopped(execution.id)
        await deleted(one, execution.id)
        assert (await yard.purge(one.clock.now())).ids == [execution.id]
        assert two.cache.get(execution.id) is stale
        with pytest.raises((InvalidCheckpointToken, ResourceNotFound)):
            await two.checkpoint(token, *step("never"))
        assert two.cache.get(execution.id) is None
        with pytest.raises(ResourceNotFound):
            await two.log.read(execution.id)
        assert rows_of(database_url, execution.id) == {}


async def test_a_caller_who_waits_learns_that_another_replica_purged_it(
    database_url: str, one: Replica, yard: PostgresGraveyard
) -> None:
    async with replica(database_url) as two:
        id_ = (await one.started(1)).id
        closings = Closings(two.log)
        waiter = asyncio.create_task(closings.wait(id_, 60))
        await asyncio.to_thread(eventually, lambda: two.cache.get(id_) is not None)
        await one.stopped(id_)
        await deleted(one, id_)
        await yard.purge(one.clock.now())
        assert closings.awaited == [id_]
        closings.closed_elsewhere(id_)  # the look finds no such execution
        with pytest.raises(ResourceNotFound):
            await waiter


class TestChained:
    @pytest.fixture
    async def pair(self, one: Replica) -> tuple[ExecutionId, ExecutionId]:
        """A parent that waits for its child, which has just closed; the notice is not delivered."""
        parent = await one.started(1)
        token = await one.claimed(parent.id)
        child = one.new(2, id=identity(3).id, parent=ParentLink(parent.id, "i"))
        invoke = OperationUpdate("i", OperationType.CHAINED_INVOKE, Action.START, function_name="f")
        await one.checkpoint(token, invoke, targets={"i": ResolvedTarget(child, 1)})
        await one.stopped(child.identity.id)
        return parent.id, child.identity.id

    async def test_a_child_stays_until_its_parent_has_heard(
        self,
        database_url: str,
        one: Replica,
        yard: PostgresGraveyard,
        pair: tuple[ExecutionId, ExecutionId],
    ) -> None:
        parent, child = pair
        await deleted(one, child)
        waits = await yard.purge(one.clock.now())
        assert (waits.ids, waits.is_more) == ([], True)
        hear = HearChild(one.log, PostgresNotices(one.pool), Limits())
        await hear(ParentLink(parent, "i"), child)
        assert (await yard.purge(one.clock.now())).ids == [child]
        assert rows_of(database_url, parent)["execution"] == 1

    async def test_a_parent_goes_with_the_notices_to_it(
        self,
        database_url: str,
        one: Replica,
        yard: PostgresGraveyard,
        pair: tuple[ExecutionId, ExecutionId],
    ) -> None:
        parent, child = pair
        await one.stopped(parent)
        await deleted(one, parent)
        assert (await yard.purge(one.clock.now())).ids == [parent]
        assert rows_of(database_url, parent) == {}
        await deleted(one, child)
        assert (await yard.purge(one.clock.now())).ids == [child]

    async def test_a_notice_to_a_parent_that_is_gone_is_dropped(
        self,
        database_url: str,
        one: Replica,
        yard: PostgresGraveyard,
        pair: tuple[ExecutionId, ExecutionId],
    ) -> None:
        parent, child = pair
        await one.stopped(parent)
        await deleted(one, parent)
        await yard.purge(one.clock.now())
        with psycopg.connect(database_url, autocommit=True) as connection:
            connection.execute(
                "INSERT INTO notice SELECT part, parent_id, parent_operation_id, id, now()"
                " FROM execution WHERE id = %s",
                [child],
            )
        await HearChild(one.log, PostgresNotices(one.pool), Limits())(
            ParentLink(parent, "i"), child
        )
        assert rows_of(database_url, parent) == {}


class TestBatches:
    @pytest.fixture
    def small(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Batches of at most eight events; each execution of these tests has six."""
        monkeypatch.setattr(graveyard, "MAX_EVENTS", 8)

    @pytest.mark.usefixtures("small")
    async def test_a_pass_is_bounded_and_says_that_there_is_more(
        self, one: Replica, yard: PostgresGraveyard
    ) -> None:
        ids = [await closed(one, number) for number in range(1, 6)]
        later = after(one.clock.now(), 15 * DAY)
        passes = [await yard.purge(later) for _ in range(4)]
        assert [[*purged.ids] for purged in passes] == [ids[:2], ids[2:4], ids[4:], []]
        assert [purged.is_more for purged in passes] == [True, True, False, False]

    @pytest.mark.usefixtures("small")
    async def test_replicas_share_the_work_and_none_waits_for_another(
        self, database_url: str, one: Replica, yard: PostgresGraveyard
    ) -> None:
        ids = [await closed(one, number) for number in range(1, 6)]
        later = after(one.clock.now(), 15 * DAY)
        with psycopg.connect(database_url) as busy:
            busy.execute("SELECT FROM execution WHERE id = %s FOR UPDATE", [ids[0]])
            assert (await yard.purge(later)).ids == ids[1:3]
        passes = await asyncio.gather(*(yard.purge(later) for _ in range(6)))
        purged = [id_ for one_pass in passes for id_ in one_pass.ids]
        assert sorted(purged) == sorted({*purged}), "one purged twice"
        assert {*purged} <= {ids[0], *ids[3:]}


class TestService:
    """`scheduler.retention`, as it runs in a replica."""

    @pytest.fixture
    async def retention(self, one: Replica, yard: PostgresGraveyard) -> AsyncIterator[Retention]:
        retention = Retention(yard, one.log, one.clock)
        one.log.attach(NoDispatch(), [retention.observe])
        running = asyncio.create_task(retention.run())
        yield retention
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    @pytest.mark.usefixtures("retention")
    async def test_a_deletion_is_carried_out_and_forgotten(
        self, database_url: str, one: Replica
    ) -> None:
        id_ = await closed(one, 1)
        await deleted(one, id_)
        await asyncio.to_thread(eventually, lambda: one.cache.get(id_) is None)
        assert rows_of(database_url, id_) == {}


# How Postgres runs it.

FILL = """
INSERT INTO execution (part, id, account, region, function_name, function_version, qualifier,
    function_version_id, name, durable, mode, started_at, timeout_seconds, retention_days, status,
    ended_at, purge_at, last_event_id, operation_count, stored_bytes, version, nonce, ticked_at,
    token_seq, token_nonce, seen_event_id, seen_now, previously_seen_event_id, previously_seen_now)
  SELECT n % 4096, ('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid, '0', 'r', 'f',
         '1', '1', gen_random_uuid(), 'n', true, 'Event', now(), 60, 14,
         CASE WHEN n % 2 = 0 THEN 'SUCCEEDED' ELSE 'RUNNING' END,
         CASE WHEN n % 2 = 0 THEN now() END,
         CASE WHEN n % 2 = 0 THEN now() + n * interval '1 second' END,
         3, 1, 0, 1, 1, now(), 0, 0, 0, now(), 0, now()
    FROM generate_series(1, 20000) n;
INSERT INTO event (part, execution_id, event_id, type, at)
  SELECT e % 4096, ('00000000-0000-0000-0000-' || lpad(e::text, 12, '0'))::uuid, n,
         'StepStarted', now() FROM generate_series(1, 20000) e, generate_series(1, 3) n;
ANALYZE;
"""


def nodes_below(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes_below(child)


@pytest.mark.parametrize(
    ("query", "indexes"),
    [
        (DUE, {"execution_purge_at_idx", "notice_pkey"}),
        (NEXT, {"execution_purge_at_idx"}),
        (
            PURGE,
            {
                "event_pkey",
                "execution_name_execution_id_idx",
                "timer_pkey",
                "callback_pkey",
                "invocation_pkey",
                "notice_pkey",
                "execution_pkey",
            },
        ),
    ],
    ids=["what is due", "what is next", "the purge"],
)
async def test_a_pass_reads_what_it_deletes_and_no_more(
    database_url: str, query: str, indexes: set[str]
) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(FILL.encode())
    numbered = query.replace("%(now)s", "$1").replace("%(parts)s", "$1").replace("%(ids)s", "$2")
    async with await connect(database_url, name="test", writer=True) as connection:
        explain = f"EXPLAIN (GENERIC_PLAN, FORMAT JSON) {numbered}".encode()
        row = await (await connection.execute(explain, prepare=False)).fetchone()
    assert row is not None
    nodes = list(nodes_below(row[0][0]["Plan"]))
    assert [node for node in nodes if node["Node Type"] == "Seq Scan"] == []
    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    assert used == indexes
