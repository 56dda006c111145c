"""Callers who wait for what was started when the last worker of its runtime had just gone."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import pytest

from perdure_service.application.closings import Closings
from perdure_service.application.invoke import Invoke, InvokeAnswer, InvokeRequest
from perdure_service.application.log_tails import LogTails
from perdure_service.application.resolve import ResolveFunction
from perdure_service.application.served_runtimes import RETURN_SECONDS, ServedRuntimes
from perdure_service.application.unserved_waits import UnservedWaits
from perdure_service.domain.decide_invocation import (
    Claim,
    Delivery,
    Returned,
    decide_invocation_end,
)
from perdure_service.domain.errors import ResourceConflict
from perdure_service.domain.execution import Execution, ExecutionStatus
from perdure_service.domain.ids import InvocationId, WorkerId
from perdure_service.domain.instant import Instant, after
from perdure_service.domain.limits import Limits, RetryPolicy
from perdure_service.ports.dispatch import NoDispatch
from perdure_service.ports.log import Commit
from perdure_service.ports.workers import Pool, WorkerCard
from perdure_service.postgres.engine import open_engine
from perdure_service.postgres.functions import PostgresFunctions
from perdure_service.postgres.log_reading import PostgresLogReader
from perdure_service.postgres.log_writer import LogWriter
from perdure_service.postgres.worker_register import PostgresWorkerRegister
from tests.support.deployed import deploy
from tests.support.executions import WORKER
from tests.support.functions import ACCOUNT, REGION
from tests.support.logs import Replica, replica

RUNTIME = "python3.13"
PATIENCE_SECONDS = 30


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Clock:
    """As the database's, and a while ahead once `pass_by` says so."""

    one: Replica
    ahead_seconds: float = 0.0
    doubt_seconds: float = 0.0

    def now(self) -> Instant:
        return after(self.one.clock.now(), self.ahead_seconds)


@dataclass
class Installation:
    one: Replica
    invoke: Invoke
    clock: Clock
    started: asyncio.Queue[Execution]

    async def start(self) -> tuple[asyncio.Task[InvokeAnswer], Execution]:
        """A caller who waits, and the execution that was started for it."""
        caller = asyncio.create_task(self.invoke(InvokeRequest("order:$LATEST", None, "{}")))
        async with asyncio.timeout(PATIENCE_SECONDS):
            return caller, await self.started.get()

    def no_worker_comes_back(self) -> None:
        self.clock.ahead_seconds = RETURN_SECONDS + 1

    async def claim(self, execution: Execution) -> Delivery | None:
        claim = Claim(WORKER, InvocationId(str(uuid.uuid4())))
        return (await self.one.log.claim(execution.id, claim)).answer


@asynccontextmanager
async def installation(url: str, *, durable: bool) -> AsyncIterator[Installation]:
    """Its one worker has just gone."""
    deploy(url, "order", runtime=RUNTIME, durable=durable)
    async with replica(url) as one:
        engine, clock = open_engine(url), Clock(one)
        catalogue = PostgresFunctions(engine, one.clock, ACCOUNT, REGION)
        register = PostgresWorkerRegister(one.pool, clock)
        runtimes = ServedRuntimes(register, clock)
        pools = (Pool(RUNTIME, "CPython 3.13.5"),)
        card = WorkerCard(WorkerId(str(uuid.uuid4())), "host", 1, (), pools, 4)
        await register.enter(card)
        await register.cross_out(card.id)
        closings = Closings(one.log, check_seconds=0.01)
        invoke = Invoke(
            log=one.log,
            resolve=ResolveFunction(catalogue, ACCOUNT, REGION),
            runtimes=runtimes,
            unserved_waits=UnservedWaits(one.log, catalogue, runtimes),
            closings=closings,
            clock=one.clock,
            limits=Limits(),
            tails=LogTails(PostgresLogReader(one.pool), LogWriter(url, one.clock, ACCOUNT)),
            patience_seconds=PATIENCE_SECONDS,
        )
        started: asyncio.Queue[Execution] = asyncio.Queue()

        def observe(commit: Commit) -> None:
            closings.observe(commit)
            if commit.before is None:
                started.put_nowait(commit.after)

        one.log.attach(NoDispatch(), [observe])
        try:
            yield Installation(one, invoke, clock, started)
        finally:
            await engine.dispose()


async def test_a_durable_execution_is_kept_and_its_caller_is_told(database_url: str) -> None:
    async with installation(database_url, durable=True) as here:
        caller, execution = await here.start()
        here.no_worker_comes_back()
        answer = await caller
        assert answer.function_error == "Unhandled"
        assert answer.execution_arn == execution.identity.arn
        assert answer.body is not None
        error = json.loads(answer.body)
        assert error["errorType"] == "ResourceConflictException"
        assert "has not begun. It is kept" in error["errorMessage"]
        kept = await here.one.log.read(execution.id)
        assert kept.status is ExecutionStatus.RUNNING
        assert await here.claim(kept) is not None, "a worker that comes gets it"


async def test_a_plain_invocation_is_refused_and_runs_never(database_url: str) -> None:
    async with installation(database_url, durable=False) as here:
        caller, execution = await here.start()
        here.no_worker_comes_back()
        with pytest.raises(ResourceConflict, match=f"No worker serves the runtime {RUNTIME}"):
            await caller
        assert (await here.one.log.read(execution.id)).status is ExecutionStatus.FAILED
        assert await here.claim(execution) is None


@pytest.mark.parametrize("durable", [True, False], ids=["durable", "plain"])
async def test_the_caller_of_what_has_begun_waits_for_its_end(
    database_url: str, durable: bool
) -> None:
    async with installation(database_url, durable=durable) as here:
        caller, begun = await here.start()
        delivery = await here.claim(begun)
        assert delivery is not None
        other, _ = await here.start()
        here.no_worker_comes_back()
        await asyncio.wait((other,), timeout=PATIENCE_SECONDS)
        assert other.done(), "the callers have been looked after by now"
        other.exception()
        output = '{"Status": "SUCCEEDED", "Result": "1"}' if durable else "1"
        await here.one.log.commit(
            begun.id,
            lambda execution, moment: decide_invocation_end(
                execution,
                delivery.claim.invocation_id,
                Returned(output),
                moment,
                RetryPolicy(),
                Limits(),
            ),
        )
        assert (await caller).body == "1"
