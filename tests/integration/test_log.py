"""The log on a real Postgres: fences, groups, names, catching up, and the tables it keeps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from perdure_service.domain.apply_update import ResolvedTarget
from perdure_service.domain.decide_callback import decide_callback_heartbeat
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decision import Decision, Moment, NewExecution
from perdure_service.domain.errors import (
    InvalidCheckpointToken,
    InvalidParameterValue,
    ResourceNotFound,
    Unavailable,
)
from perdure_service.domain.execution import Execution, ExecutionStatus, ParentLink, TimerKind
from perdure_service.domain.operations import Action, ErrorObject, OperationType, OperationUpdate
from perdure_service.ports.log import Holder, NameLock, Outcome
from perdure_service.postgres import appends
from perdure_service.postgres.append import append_statement
from perdure_service.postgres.rows import Change
from perdure_service.postgres.statement import Statement
from tests.support.executions import identity
from tests.support.logs import Replica, callback, replica, step, wait
from tests.support.waiting import eventually

Rows = list[tuple[Any, ...]]


def select(url: str, query: str, *given: object) -> Rows:
    with psycopg.connect(url) as connection:
        return connection.execute(query.encode(), given).fetchall()


async def test_what_is_folded_from_the_tables_is_the_live_state(database_url: str) -> None:
    async with replica(database_url) as one:
        id_ = (await one.started(1)).id
        token = await one.claimed(id_)
        token = await one.checkpoint(token, *step("a"), wait("b", 60), callback("c", 90, 30))
        retry = OperationUpdate(
            "d", OperationType.STEP, Action.RETRY, payload="1", step_delay_seconds=20
        )
        await one.checkpoint(token, retry)
        await one.log.commit(
            id_, lambda execution, moment: decide_callback_heartbeat(execution, "c", moment)
        )
        live = await one.log.recent(id_)
        assert await one.reader.load(id_) == live
        assert await one.reader.load_many([id_]) == [live]


async def test_a_replica_that_is_behind_catches_up_to_the_same_state(database_url: str) -> None:
    async with replica(database_url) as one, replica(database_url) as two:
        id_ = (await one.started(1)).id
        token = await one.claimed(id_)
        behind = await two.log.read(id_)
        token = await one.checkpoint(token, *step("a"), callback("c", 90, 30))
        await one.log.commit(
            id_, lambda execution, moment: decide_callback_heartbeat(execution, "c", moment)
        )
        assert two.cache.get(id_) is behind
        await two.checkpoint(token, *step("b"))
        assert await one.log.read(id_) == await two.log.recent(id_)
        with pytest.raises(InvalidCheckpointToken):
            await one.checkpoint(token, *step("never"))


async def test_an_answer_made_for_an_append_that_lost_is_not_given(database_url: str) -> None:
    async with replica(database_url) as one, replica(database_url) as two:
        id_ = (await one.started(1)).id
        await one.checkpoint(await one.claimed(id_), callback("c", 90, 30))
        behind = await two.log.read(id_)
        made: list[int] = []

        def heartbeat(execution: Execution, moment: Moment) -> Decision[None]:
            return decide_callback_heartbeat(execution, "c", moment)

        def show(outcome: Outcome[None]) -> int:
            made.append(outcome.after.ledger.version)
            return made[-1]

        await one.log.commit(id_, heartbeat)
        given = await two.log.commit_shown(id_, heartbeat, show)
        version = behind.ledger.version
        assert made == [version + 1, version + 2]
        assert given == (await one.reader.load(id_)).ledger.version == version + 2


async def test_two_replicas_never_both_win(database_url: str) -> None:
    async with replica(database_url) as one, replica(database_url) as two:
        ids = [(await one.started(number)).id for number in range(1, 9)]
        tokens = [await one.claimed(id_) for id_ in ids]

        async def outcomes(by: Replica) -> list[bool]:
            tries = (by.checkpoint(token, *step("contested")) for token in tokens)
            answers = await asyncio.gather(*tries, return_exceptions=True)
            refused = [a for a in answers if isinstance(a, BaseException)]
            assert all(isinstance(answer, InvalidCheckpointToken) for answer in refused)
            return [not isinstance(answer, BaseException) for answer in answers]

        won = await asyncio.gather(outcomes(one), outcomes(two))
        assert [first + second for first, second in zip(*won, strict=True)] == [1] * len(ids)
        for id_ in ids:
            ids_of_events = [
                event.id
                for event in await one.log.events(id_, after=0, upto=99, limit=99, reverse=False)
            ]
            assert ids_of_events == [1, 2, 3]


async def test_a_row_that_others_change_while_it_is_won_is_moved_all_the_same(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As by hand, in maintenance: an UPDATE that leaves the fence alone."""

    def on_a_signal(changes: Sequence[Change]) -> Statement:
        statement = append_statement(changes)
        lock = " FOR UPDATE SKIP"
        assert lock in statement.sql
        sql = statement.sql.replace(lock, f" AND pg_advisory_lock(1) IS NOT NULL{lock}")
        return replace(statement, sql=sql)

    async with replica(database_url) as one:
        token = await one.claimed((await one.started(1)).id)
        monkeypatch.setattr(appends, "append_statement", on_a_signal)
        with psycopg.connect(database_url, autocommit=True) as other:
            other.execute("SELECT pg_advisory_lock(1)")
            flush = asyncio.create_task(one.checkpoint(token, *step("a")))
            waits = (
                "SELECT 1 FROM pg_stat_activity WHERE application_name = 'perdure appends'"
                " AND wait_event = 'advisory' AND datname = current_database()"
            )
            await asyncio.to_thread(eventually, lambda: select(database_url, waits))
            other.execute("UPDATE execution SET retention_days = 3")
        token = await flush
        await one.checkpoint(token, *step("b"))
        assert (await one.reader.load(token.execution_id)).last_event_id == 5


async def test_commands_of_one_execution_go_out_in_one_append(database_url: str) -> None:
    async with replica(database_url) as one:
        id_ = (await one.started(1)).id
        token = await one.claimed(id_)
        names = [f"c{n}" for n in range(20)]
        await one.checkpoint(token, *(callback(name, 0, 60) for name in names))
        before = (await one.log.recent(id_)).ledger.version

        async def heartbeat(name: str) -> None:
            await one.log.commit(
                id_, lambda execution, moment: decide_callback_heartbeat(execution, name, moment)
            )

        await asyncio.gather(*(heartbeat(name) for name in names))
        assert (await one.reader.load(id_)).ledger.version == before + len(names)


@pytest.mark.parametrize("name", ["\x00", "\ud800"], ids=["NUL", "half a pair"])
async def test_a_value_that_postgres_cannot_hold_fails_alone(database_url: str, name: str) -> None:
    async with replica(database_url) as one:
        good, bad = [await one.claimed((await one.started(n)).id) for n in (1, 2)]
        poisoned = OperationUpdate("p", OperationType.STEP, Action.START, name=name)
        answers = await asyncio.gather(
            one.checkpoint(good, *step("a")),
            one.checkpoint(bad, poisoned),
            return_exceptions=True,
        )
        assert not isinstance(answers[0], BaseException)
        assert isinstance(answers[1], InvalidParameterValue)
        assert (await one.log.read(bad.execution_id)).last_event_id == 1
        await one.checkpoint(bad, *step("b"))


async def test_a_start_that_postgres_cannot_hold_fails_alone(database_url: str) -> None:
    async with replica(database_url) as one:
        starts = (one.started(1), one.started(2, tenant_id="\ud800"), one.started(3))
        answers = await asyncio.gather(*starts, return_exceptions=True)
        assert [isinstance(answer, Execution) for answer in answers] == [True, False, True]
        assert isinstance(answers[1], InvalidParameterValue)


async def test_payloads_are_kept_byte_for_byte(database_url: str) -> None:
    async with replica(database_url) as one:
        token = await one.claimed((await one.started(1)).id)
        payload = ' {"nul": "\x00", "smile": "\N{GRINNING FACE}"}  '
        await one.checkpoint(token, *step("a", payload))
        loaded = await one.reader.load(token.execution_id)
        operation = loaded.operations.get("a")
        assert operation is not None
        assert operation.result == payload


@contextmanager
def flushes_blocked(database_url: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_url, autocommit=True) as other:
        other.execute("BEGIN")
        other.execute("LOCK TABLE event IN ACCESS EXCLUSIVE MODE")
        yield other
        other.execute("ROLLBACK")


async def blocked_backend(database_url: str, lane: str) -> int:
    """Of the lane's flush, once it waits."""
    blocked = (
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database()"
        " AND application_name = %s AND wait_event_type = 'Lock'"
    )
    name = f"perdure {lane}"
    ((pid,),) = await asyncio.to_thread(eventually, lambda: select(database_url, blocked, name))
    return int(pid)


async def test_a_connection_lost_in_a_flush_is_answered_unavailable(database_url: str) -> None:
    async with replica(database_url) as one:
        token = await one.claimed((await one.started(1)).id)
        with flushes_blocked(database_url) as other:
            flush = asyncio.create_task(one.checkpoint(token, *step("a")))
            pid = await blocked_backend(database_url, "appends")
            other.execute("SELECT pg_terminate_backend(%s)", [pid])
        with pytest.raises(Unavailable):
            await flush
        assert one.cache.get(token.execution_id) is None
        await one.checkpoint(token, *step("a"))


async def test_writes_under_way_are_answered_when_the_log_ends(database_url: str) -> None:
    async with AsyncExitStack() as stack:
        one = await stack.enter_async_context(replica(database_url))
        token = await one.claimed((await one.started(1)).id)
        with flushes_blocked(database_url):
            writes = [asyncio.create_task(one.checkpoint(token, *step("a"))) for _ in range(2)]
            await blocked_backend(database_url, "appends")
            start = asyncio.create_task(one.started(2))
            await blocked_backend(database_url, "starts")
            await stack.aclose()
            async with asyncio.timeout(10):
                answers = await asyncio.gather(*writes, start, return_exceptions=True)
    assert [type(answer) for answer in answers] == [Unavailable] * 3


async def test_one_of_many_starts_of_a_name_wins(database_url: str) -> None:
    async with replica(database_url) as one, replica(database_url) as two:
        lock = NameLock("order-7", b"payload")
        news = [
            (by, by.new(n, name="order-7")) for n, by in enumerate([one, one, two, two, one], 1)
        ]
        answers = await asyncio.gather(*(by.log.start(new, lock) for by, new in news))
        started = [answer for answer in answers if isinstance(answer, Execution)]
        holders = {answer for answer in answers if isinstance(answer, Holder)}
        assert len(started) == 1
        assert holders == {Holder(started[0].id, b"payload")}
        assert select(database_url, "SELECT count(*) FROM execution") == [(1,)]


async def test_an_expired_name_is_taken_over(database_url: str) -> None:
    async with replica(database_url) as one:
        expired = NameLock("order-7", b"old", expires_at=one.clock.now())
        await one.log.start(one.new(1), expired)
        second = await one.log.start(one.new(2), NameLock("order-7", b"new"))
        assert isinstance(second, Execution)
        third = await one.log.start(one.new(3), NameLock("order-7", b"new"))
        assert third == Holder(second.id, b"new")


async def test_a_closed_execution_keeps_no_rows_but_its_log(database_url: str) -> None:
    async with replica(database_url) as one:
        lock = NameLock("order-1", b"")
        started = await one.log.start(one.new(1), lock)
        assert isinstance(started, Execution)
        token = await one.claimed(started.id)
        await one.checkpoint(token, wait("w", 60), callback("c", 90, 30))
        assert len(select(database_url, "SELECT * FROM timer")) == 4
        assert len(select(database_url, "SELECT * FROM callback")) == 1
        await one.log.commit(
            started.id, lambda execution, moment: decide_stop(execution, ErrorObject(), moment)
        )
        assert select(database_url, "SELECT * FROM timer UNION ALL SELECT * FROM timer") == []
        assert select(database_url, "SELECT * FROM callback") == []
        expiry = "SELECT expires_at > clock_timestamp() + interval '13 days' FROM execution_name"
        assert select(database_url, expiry) == [(True,)]
        assert select(database_url, "SELECT status FROM execution") == [("STOPPED",)]


async def test_the_timer_table_is_what_the_state_has_armed(database_url: str) -> None:
    async with replica(database_url) as one:
        token = await one.claimed((await one.started(1)).id)
        token = await one.checkpoint(token, wait("w", 60), wait("x", 90), callback("c", 0, 30))
        cancel = OperationUpdate("w", OperationType.WAIT, Action.CANCEL)
        await one.checkpoint(token, cancel)
        armed = (await one.log.recent(token.execution_id)).armed
        rows = select(
            database_url,
            "SELECT kind, operation_id, (extract(epoch FROM due_at) * 1000000)::bigint FROM timer",
        )
        assert {(TimerKind(kind), id_): at for kind, id_, at in rows} == dict(armed.items())
        assert set(armed) == {
            (TimerKind.EXECUTION, ""),
            (TimerKind.WAIT, "x"),
            (TimerKind.HEARTBEAT, "c"),
        }


async def test_a_child_starts_with_its_parents_append_and_leaves_a_notice(
    database_url: str,
) -> None:
    async with replica(database_url) as one:
        token = await one.claimed((await one.started(1)).id)
        parent = ParentLink(token.execution_id, "invoke")
        child = NewExecution(identity(2, started_at=one.clock.now(), parent=parent), "{}")
        invoke = OperationUpdate(
            "invoke", OperationType.CHAINED_INVOKE, Action.START, function_name="order:1"
        )
        await one.checkpoint(token, invoke, targets={"invoke": ResolvedTarget(child, 7)})
        assert (await one.reader.load(child.identity.id)).status is ExecutionStatus.RUNNING
        await one.log.commit(
            child.identity.id,
            lambda execution, moment: decide_stop(execution, ErrorObject(), moment),
        )
        notices = select(database_url, "SELECT parent_id::text, operation_id FROM notice")
        assert notices == [(token.execution_id, "invoke")]


async def test_the_cache_stays_within_its_bound(database_url: str) -> None:
    async with replica(database_url, cache_bytes=20_000) as one:
        ids = [(await one.started(number)).id for number in range(1, 30)]
        held = [id_ for id_ in ids if one.cache.get(id_) is not None]
        assert 0 < len(held) < 11
        await one.log.warm(ids[:3])
        token = await one.claimed(ids[0])
        await one.checkpoint(token, *step("a"))


async def test_an_unknown_execution_is_not_found(database_url: str) -> None:
    async with replica(database_url) as one:
        with pytest.raises(ResourceNotFound):
            await one.claimed(identity(1).id)
