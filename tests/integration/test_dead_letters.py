"""Dead letters in the table: claimed by one replica, taken over from one that was lost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.execution import InvokeMode
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import after
from perdure_service.domain.operations import ErrorObject
from perdure_service.ports.dead_letters import Letter
from perdure_service.postgres.dead_letters import PostgresDeadLetters
from tests.support.executions import identity
from tests.support.logs import Replica, replica

TARGET = "http://127.0.0.1:9/letters"
EVENT = ' {"n":  1}'
BROKEN = ErrorObject("nul \0 and \u00e9", "Broken", "data", ("a", "b"))


@pytest.fixture
async def one(database_url: str) -> AsyncIterator[Replica]:
    async with replica(database_url) as one:
        yield one


@pytest.fixture
def letters(one: Replica) -> PostgresDeadLetters:
    return PostgresDeadLetters(one.pool)


async def stopped(one: Replica, number: int, target: str = TARGET) -> ExecutionId:
    """An asynchronous execution that was stopped."""
    facts = {"mode": InvokeMode.EVENT, "dead_letter_target": target}
    id_ = identity(number, started_at=one.clock.now(), **facts)
    await one.log.start(NewExecution(id_, EVENT))
    await one.log.commit(id_.id, lambda e, moment: decide_stop(e, BROKEN, moment))
    return id_.id


async def claim(
    one: Replica,
    letters: PostgresDeadLetters,
    *,
    in_seconds: float = 0,
    limit: int = 10,
    excluded: tuple[str, ...] = (),
) -> list[Letter]:
    now = after(one.clock.now(), in_seconds)
    return await letters.claim(now, after(now, 60), limit=limit, excluded=excluded)


async def test_the_close_writes_the_letter(one: Replica, letters: PostgresDeadLetters) -> None:
    id_ = await stopped(one, 1)
    (letter,) = await claim(one, letters)
    closed = await one.log.read(id_)
    assert (letter.execution_id, letter.execution_arn) == (id_, closed.identity.arn)
    assert letter.event == EVENT.encode()
    assert (letter.error_type, letter.error_message) == (BROKEN.type, BROKEN.message)
    assert (letter.status, letter.request_id, letter.tries) == ("STOPPED", None, 1)
    assert letter.closed_at == closed.ended_at


async def test_a_letter_belongs_to_one_replica_until_its_time_is_up(
    one: Replica, letters: PostgresDeadLetters
) -> None:
    ids = {await stopped(one, number) for number in range(1, 9)}
    claimed = await asyncio.gather(*(claim(one, letters, limit=3) for _ in range(4)))
    taken = [letter.execution_id for batch in claimed for letter in batch]
    assert sorted(taken) == sorted(ids)
    assert await claim(one, letters, in_seconds=59) == []
    again = await claim(one, letters, in_seconds=61)
    assert {letter.execution_id for letter in again} == ids
    assert {letter.tries for letter in again} == {2}


async def test_whoever_was_too_slow_changes_nothing(
    one: Replica, letters: PostgresDeadLetters
) -> None:
    await stopped(one, 1)
    (slow,) = await claim(one, letters)
    (taken_over,) = await claim(one, letters, in_seconds=61)
    now = one.clock.now()
    await letters.delivered(slow)
    await letters.postpone(slow, now, "too late")
    await letters.give_up(slow, now, now, "too late")
    (kept,) = await letters.find(after=None, limit=10)
    assert kept == taken_over
    await letters.delivered(taken_over)
    assert await letters.find(after=None, limit=10) == []


async def test_targets_can_be_left_out(one: Replica, letters: PostgresDeadLetters) -> None:
    await stopped(one, 1, "http://full/")
    other = await stopped(one, 2, "http://free/")
    (letter,) = await claim(one, letters, excluded=("http://full/",))
    assert letter.execution_id == other


async def test_what_was_given_up_is_kept_for_a_time_and_can_be_tried_again(
    one: Replica, letters: PostgresDeadLetters
) -> None:
    id_ = await stopped(one, 1)
    (letter,) = await claim(one, letters)
    now = one.clock.now()
    await letters.give_up(letter, now, after(now, 3_600), "no answer")
    assert await claim(one, letters, in_seconds=3_000) == []
    (kept,) = await letters.find(after=None, limit=10)
    assert (kept.given_up_at, kept.last_failure) == (now, "no answer")
    assert await letters.restart(id_, now)
    (again,) = await claim(one, letters)
    assert (again.tries, again.given_up_at) == (1, None)
    await letters.give_up(again, now, after(now, 3_600), "no answer")
    assert await claim(one, letters, in_seconds=3_601) == []
    assert await letters.find(after=None, limit=10) == []
    assert not await letters.restart(id_, now)
