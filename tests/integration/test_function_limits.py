"""Reserved concurrency in the log: claims are counted, in ignorance of the limit, too."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from perdure_service.domain.decide_invocation import (
    Claim,
    Delivery,
    Returned,
    decide_invocation_end,
)
from perdure_service.domain.errors import InvalidParameterValue, TooManyRequests, Unavailable
from perdure_service.domain.execution import Execution, InvokeMode, Queued, Running
from perdure_service.domain.ids import ExecutionId, FunctionVersionId, InvocationId
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.ports.dispatch import NoDispatch
from perdure_service.ports.log import Holder
from tests.support.deployed import deploy
from tests.support.executions import WORKER
from tests.support.logs import Replica, replica


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Slots(NoDispatch):
    """There is always one; tells which were handed out, and which given back."""

    handed: list[InvocationId] = field(default_factory=list)
    given_back: list[InvocationId] = field(default_factory=list)

    def reserve(self, version_id: FunctionVersionId) -> Claim | None:
        return a_claim()

    def deliver(self, execution: Execution, delivery: Delivery) -> None:
        self.handed.append(delivery.claim.invocation_id)

    def release(self, claim: Claim) -> None:
        self.given_back.append(claim.invocation_id)


def a_claim() -> Claim:
    return Claim(WORKER, InvocationId(str(uuid.uuid4())))


def limit(url: str, count: int | None) -> FunctionVersionId:
    """Makes the function of the tests' executions, with a limit; its $LATEST."""
    id_ = deploy(url, "order", runtime="python3.13")
    with psycopg.connect(url) as connection:
        connection.execute("UPDATE function SET reserved_concurrency = %s", (count,))
    return FunctionVersionId(id_)


async def claims(by: Replica, id_: ExecutionId) -> bool:
    try:
        return (await by.log.claim(id_, a_claim())).answer is not None
    except TooManyRequests:
        return False


async def test_of_claims_that_race_on_two_replicas_as_many_win_as_may(database_url: str) -> None:
    version_id = limit(database_url, 3)
    async with replica(database_url) as one, replica(database_url) as two:
        ids = [(await one.started(n, function_version_id=version_id)).id for n in range(1, 21)]
        won = await asyncio.gather(*(claims((one, two)[n % 2], id_) for n, id_ in enumerate(ids)))
        assert sum(won) == 3
        ended = ids[won.index(True)]
        running = (await one.log.read(ended)).ledger.invocation
        assert isinstance(running, Running)
        await one.log.commit(
            ended,
            lambda execution, moment: decide_invocation_end(
                execution, running.id, Returned("{}"), moment, RetryPolicy(), Limits()
            ),
        )
        waiting = [id_ for id_, has_won in zip(ids, won, strict=True) if not has_won]
        assert [await claims(two, id_) for id_ in waiting[:2]] == [True, False]


async def test_one_that_is_not_limited_any_more_is_claimed(database_url: str) -> None:
    version_id = limit(database_url, 0)
    async with replica(database_url) as one:
        id_ = (await one.started(1, function_version_id=version_id)).id
        assert not await claims(one, id_)
        with psycopg.connect(database_url) as connection:
            connection.execute("UPDATE function SET reserved_concurrency = NULL")
        assert await claims(one, id_)


async def test_a_start_that_was_claimed_in_ignorance_of_the_limit_is_refused(
    database_url: str,
) -> None:
    version_id = limit(database_url, 0)
    async with replica(database_url) as one:
        slots = Slots()
        one.log.attach(slots, [])
        called = one.new(1, function_version_id=version_id, mode=InvokeMode.REQUEST_RESPONSE)
        with pytest.raises(TooManyRequests):
            await one.log.start(called)
        assert (slots.handed, len(slots.given_back)) == ([], 1)
        with psycopg.connect(database_url) as connection:
            assert connection.execute("SELECT count(*) FROM execution").fetchone() == (0,)


@asynccontextmanager
async def no_new_connections(url: str) -> AsyncIterator[None]:
    """Who is connected to the database stays so."""
    database = sql.Identifier(urlsplit(url).path[1:])
    alter = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    with psycopg.connect(urlsplit(url)._replace(path="/postgres").geturl(), autocommit=True) as c:
        c.execute(alter.format(database, sql.SQL("false")))
        try:
            yield
        finally:
            c.execute(alter.format(database, sql.SQL("true")))


async def test_all_are_told_if_postgres_goes_while_it_is_sought_whose_value_it_refused(
    database_url: str,
) -> None:
    version_id = limit(database_url, 9)
    async with replica(database_url) as one:
        slots = Slots()
        one.log.attach(slots, [])

        async def start(number: int, **changes: object) -> Execution | Holder:
            return await one.log.start(
                one.new(
                    number,
                    function_version_id=version_id,
                    mode=InvokeMode.REQUEST_RESPONSE,
                    **changes,
                )
            )

        assert isinstance(await start(1), Execution)
        async with no_new_connections(database_url), asyncio.timeout(30):
            starts = (start(2, tenant_id="\0"), start(3), start(4))
            answers = await asyncio.gather(*starts, return_exceptions=True)
        assert [type(answer) for answer in answers] == [Unavailable] * 3
        starts = (start(5, tenant_id="\0"), start(6, tenant_id="\ud800"), start(7))
        answers = await asyncio.gather(*starts, return_exceptions=True)
        refused = [InvalidParameterValue] * 2
        assert [type(answer) for answer in answers] == [*refused, Execution]
        assert len(slots.handed) == 2


async def test_what_nobody_waits_for_is_queued_instead(database_url: str) -> None:
    version_id = limit(database_url, 0)
    async with replica(database_url) as one:
        slots = Slots()
        one.log.attach(slots, [])
        sent = one.new(1, function_version_id=version_id, mode=InvokeMode.EVENT)
        started = await one.log.start(sent)
        assert isinstance(started, Execution)
        assert isinstance(started.ledger.invocation, Queued)
        assert (slots.handed, len(slots.given_back)) == ([], 1)
