"""The lane of starts: new executions, and the names that they may hold."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass

from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.domain.decide_invocation import Delivery
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.errors import InvalidParameterValue, Unavailable
from perdure_service.domain.execution import Execution
from perdure_service.domain.frozen import frozen
from perdure_service.ports.log import Holder, NameLock
from perdure_service.postgres.append import start_statement
from perdure_service.postgres.commit_context import (
    GOING,
    MAX_BATCH_BYTES,
    MAX_BATCH_ROWS,
    MAX_WAITING,
    UNKNOWN,
    CommitContext,
    MustBeCounted,
)
from perdure_service.postgres.lane import UNSTORABLE, Lane, LaneConnection, LostFlush, unstorable
from perdure_service.postgres.names import read_holder
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.rows import Change
from perdure_service.postgres.turns import birth

logger = logging.getLogger(__name__)


@dataclass(eq=False, slots=True)
class _Start:
    new: NewExecution
    lock: NameLock | None
    future: asyncio.Future[Execution | Holder]

    @property
    def key(self) -> tuple[str, str, str] | None:
        """What no two starts of one statement may share."""
        if self.lock is None:
            return None
        identity = self.new.identity
        return identity.account, identity.function_name, self.lock.name

    def answer(self, result: Execution | Holder) -> None:
        if not self.future.done():
            self.future.set_result(result)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


@frozen
class _Birth:
    start: _Start
    change: Change
    delivery: Delivery | None


class StartLane:
    """Starts executions in groups. A start whose name is taken is answered with its holder; one
    that was claimed without being counted, where that has to be, fails with MustBeCounted."""

    def __init__(self, url: str, context: CommitContext, pool: ReadPool) -> None:
        self._context = context
        self._pool = pool
        self._connection = LaneConnection(url, "starts")
        self._lane: Lane[_Start] = Lane(self._flush, MAX_WAITING)
        self._tasks = OwnedTasks()

    async def start(self, new: NewExecution, lock: NameLock | None) -> Execution | Holder:
        future: asyncio.Future[Execution | Holder] = asyncio.get_running_loop().create_future()
        self._lane.put(_Start(new, lock, future))
        return await future

    async def run(self) -> None:
        try:
            await self._lane.run()
        finally:
            await self._tasks.close()
            for start in self._lane.waiting:
                start.fail(Unavailable(GOING))
            await self._connection.close()

    async def _flush(self) -> None:
        await self._commit([self._bear(start) for start in self._take()])

    async def _commit(self, births: list[_Birth]) -> None:
        if not births:
            return
        changes = [birth.change for birth in births]
        try:
            statement = start_statement(changes, self._context.clock.now())
            won = set(await self._connection.execute(statement))
        except (LostFlush, asyncio.CancelledError):
            self._fail(births, Unavailable(UNKNOWN))
            raise
        except UNSTORABLE as error:
            await self._commit_singly(births, unstorable(error))
            return
        except Exception as error:
            logger.exception("starting %d executions failed", len(births))
            self._fail(births, error)
            return
        for n, birth_ in enumerate(births):
            if n in won:
                self._context.won(birth_.change, birth_.delivery)
                birth_.start.answer(birth_.change.after)
                self._context.announce(birth_.change)
            else:
                self._context.give_back(birth_.delivery)
                self._tasks.start(self._answer_loser(birth_))

    async def _commit_singly(self, births: list[_Birth], error: InvalidParameterValue) -> None:
        """One value that Postgres cannot hold fails its batch: find whose it is."""
        if len(births) == 1:
            self._fail(births, error)
            return
        for n, birth_ in enumerate(births):
            try:
                await self._commit([birth_])
            except (LostFlush, asyncio.CancelledError):
                self._fail(births[n + 1 :], Unavailable(UNKNOWN))
                raise

    def _take(self) -> list[_Start]:
        taken: list[_Start] = []
        later: list[_Start] = []
        keys: set[tuple[str, str, str]] = set()
        size = 0
        waiting = self._lane.waiting
        while waiting and len(taken) < MAX_BATCH_ROWS and size < MAX_BATCH_BYTES:
            start = waiting.popleft()
            if start.key is not None and start.key in keys:
                later.append(start)
                continue
            if start.key is not None:
                keys.add(start.key)
            taken.append(start)
            size += len(start.new.input) + 400
        for start in reversed(later):
            self._lane.put(start, urgent=True)
        return taken

    def _bear(self, start: _Start) -> _Birth:
        decision = decide_start(start.new, self._context.moment())
        claim = self._context.claim(decision.after)
        delivery = claim.answer if claim is not None else None
        return _Birth(start, birth(decision, start.lock, claim), delivery)

    async def _answer_loser(self, birth_: _Birth) -> None:
        """The name was taken: say by whom. If it has become free meanwhile, try again. Or its claim
        should have been counted: then the start should."""
        start = birth_.start
        identity = start.new.identity
        try:
            if start.lock is not None:
                holder = await read_holder(self._pool, identity, start.lock.name)
                if holder is not None:
                    start.answer(holder)
                    return
            if birth_.delivery is not None and await self._context.limit_was_overlooked(
                identity.function_name
            ):
                raise MustBeCounted
        except Exception as error:
            start.fail(error)
            return
        self._lane.put(start, urgent=True)

    def _fail(self, births: list[_Birth], error: Exception) -> None:
        for birth_ in births:
            self._context.give_back(birth_.delivery)
            birth_.start.fail(error)
