"""A log on a real database, as one replica has it, and commands to give to it."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from perdure_service.domain.apply_update import Target
from perdure_service.domain.decide_checkpoint import Accepted, Checkpoint, decide_checkpoint
from perdure_service.domain.decide_invocation import Claim, decide_claim
from perdure_service.domain.decide_stop import decide_stop
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.domain.limits import Limits
from perdure_service.domain.operations import Action, ErrorObject, OperationType, OperationUpdate
from perdure_service.domain.tokens import CheckpointToken
from perdure_service.postgres.cache import ExecutionCache
from perdure_service.postgres.clock import PostgresClock
from perdure_service.postgres.log import PostgresLog
from perdure_service.postgres.look import set_clock
from perdure_service.postgres.reading import ExecutionReader, ReadPool
from tests.support.executions import KEYS, WORKER, identity


@dataclass(eq=False)
class Replica:
    """One process' worth of log."""

    log: PostgresLog
    pool: ReadPool
    clock: PostgresClock
    reader: ExecutionReader
    cache: ExecutionCache

    def new(self, number: int, **changes: object) -> NewExecution:
        """The `number`-th execution of the tests, starting now."""
        return NewExecution(identity(number, started_at=self.clock.now(), **changes), "{}")

    async def started(self, number: int, **changes: object) -> Execution:
        execution = await self.log.start(self.new(number, **changes))
        assert isinstance(execution, Execution)
        return execution

    async def claimed(self, id_: ExecutionId) -> CheckpointToken:
        claim = Claim(WORKER, InvocationId(str(uuid.uuid4())))
        outcome = await self.log.commit(
            id_, lambda execution, moment: decide_claim(execution, claim, moment)
        )
        assert outcome.answer is not None
        return outcome.answer.token

    async def stopped(self, id_: ExecutionId) -> None:
        await self.log.commit(
            id_, lambda execution, moment: decide_stop(execution, ErrorObject(), moment)
        )

    async def checkpoint(
        self,
        token: CheckpointToken,
        *updates: OperationUpdate,
        targets: dict[str, Target] | None = None,
    ) -> CheckpointToken:
        checkpoint = Checkpoint(token, updates, targets=targets or {})
        outcome = await self.log.commit(
            token.execution_id,
            lambda execution, moment: decide_checkpoint(
                execution, checkpoint, moment, Limits(), KEYS.issue_callback_id
            ),
        )
        assert isinstance(outcome.answer, Accepted)
        assert outcome.answer.token is not None
        return outcome.answer.token


@asynccontextmanager
async def replica(url: str, cache_bytes: int = 1 << 24) -> AsyncIterator[Replica]:
    pool = ReadPool(url, 2)
    clock = PostgresClock()
    await set_clock(pool, clock)
    cache = ExecutionCache(cache_bytes)
    log = PostgresLog(url, pool=pool, cache=cache, clock=clock)
    running = asyncio.create_task(log.run())
    try:
        yield Replica(log, pool, clock, ExecutionReader(pool), cache)
    finally:
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running
        await pool.close()


def step(id_: str, payload: str = '"done"') -> list[OperationUpdate]:
    """A whole step: START and SUCCEED."""
    return [
        OperationUpdate(id_, OperationType.STEP, Action.START, name=id_, sub_type="Step"),
        OperationUpdate(id_, OperationType.STEP, Action.SUCCEED, payload=payload),
    ]


def wait(id_: str, seconds: int) -> OperationUpdate:
    return OperationUpdate(id_, OperationType.WAIT, Action.START, name=id_, wait_seconds=seconds)


def callback(id_: str, timeout_seconds: int, heartbeat_seconds: int) -> OperationUpdate:
    return OperationUpdate(
        id_,
        OperationType.CALLBACK,
        Action.START,
        callback_timeout_seconds=timeout_seconds,
        callback_heartbeat_seconds=heartbeat_seconds,
    )
