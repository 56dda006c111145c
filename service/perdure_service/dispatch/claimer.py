"""Queued invocations that found no free slot, and their way to the next one."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter, OrderedDict
from collections.abc import Callable, Collection, Iterable
from itertools import islice

from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.dispatch.limited_turns import LimitedTurns
from perdure_service.dispatch.parked import Parked
from perdure_service.dispatch.turns import Turns
from perdure_service.domain.decide_invocation import (
    Claim,
    decide_function_deleted,
)
from perdure_service.domain.errors import (
    DomainError,
    ResourceNotFound,
    TooManyRequests,
    Unavailable,
)
from perdure_service.domain.execution import Queued, Running
from perdure_service.domain.functions import FunctionVersion
from perdure_service.domain.ids import ExecutionId, FunctionVersionId
from perdure_service.domain.instant import MICROSECONDS
from perdure_service.ports.clock import Clock
from perdure_service.ports.dispatch import Dispatch
from perdure_service.ports.function_limits import FunctionLimits
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.log import Commit, ExecutionLog

logger = logging.getLogger(__name__)

_MAX_BACKLOG = 100_000
_MAX_IN_FLIGHT = 256

_Backlog = OrderedDict[ExecutionId, None]
"""Of one function version, oldest first."""


class Claimer:
    """Remembers what this replica saw queued, and claims it when a slot is free. Functions take
    turns, see `Turns`: each claims the oldest invocation of a version, and goes behind the others
    that wait.

    Only hints: a claim is fenced, and what is forgotten here the once-a-second look finds again.
    `on_dry` is called when all is claimed of a version of which the look left some out.
    """

    def __init__(
        self,
        log: ExecutionLog,
        dispatch: Dispatch,
        catalogue: FunctionCatalogue,
        limits: FunctionLimits,
        clock: Clock,
    ) -> None:
        self._log = log
        self._dispatch = dispatch
        self._catalogue = catalogue
        self._clock = clock
        self._backlog: dict[FunctionVersionId, _Backlog] = {}
        # Who has a backlog may find a slot, found none, or has to wait for an end of its own.
        self._parked = Parked()
        self._limited = LimitedTurns(limits)
        self._turns = Turns()
        self._in_a_row: Counter[FunctionVersionId] = Counter()
        self._starving: set[FunctionVersionId] = set()
        self._left_out: set[FunctionVersionId] = set()
        self._later: dict[ExecutionId, asyncio.TimerHandle] = {}
        self._wanted = asyncio.Event()
        self._tasks = OwnedTasks()
        self.on_dry: Callable[[], None] = lambda: None

    def observe(self, commit: Commit) -> None:
        """Follow the queue as this replica moves it."""
        if not commit.effects.queue_moved:
            return
        id_, version_id = commit.after.id, commit.after.identity.function_version_id
        self._forget(version_id, id_)
        before = commit.before
        if before is not None and isinstance(before.ledger.invocation, Running):
            for freed in self._limited.one_has_ended(before.identity.function_name):
                self._give_turn(freed)
        if isinstance(commit.effects.queue, Queued):
            wait = (commit.effects.queue.ready_at - self._clock.now()) / MICROSECONDS
            if wait <= 0:
                self.offer(version_id, id_)
            else:
                loop = asyncio.get_running_loop()
                self._later[id_] = loop.call_later(wait, self._ready, version_id, id_)

    def offer(self, version_id: FunctionVersionId, id_: ExecutionId) -> None:
        """An invocation of `id_` is queued and ready, somebody says."""
        backlog = self._backlog.setdefault(version_id, OrderedDict())
        if len(backlog) < _MAX_BACKLOG:
            backlog.setdefault(id_)
            self._give_turn(version_id)

    def look_offers(self, version_id: FunctionVersionId, id_: ExecutionId) -> None:
        """As `offer`, and what is limited may try again: another replica's may have ended."""
        self._limited.unpark(version_id)
        self.offer(version_id, id_)

    def look_is_over(self, left_out: Collection[FunctionVersionId]) -> None:
        """Of those that were `left_out` the look found more than it told. And all may try again, in
        the order of their turns: a version may have been deployed since it was parked."""
        self._left_out = {id_ for id_ in left_out if id_ in self._backlog}
        for version_id in self._parked.release_all():
            self._give_turn(version_id)

    def slots_are_free(self, function_names: Iterable[str], of_pools: bool) -> None:
        """Of these functions, served by name, or of pools."""
        for version_id in self._parked.release(function_names, of_pools=of_pools):
            self._give_turn(version_id)

    def is_anothers_turn(self, version_id: FunctionVersionId) -> bool:
        """True while another version waits for a slot that the two of them share: who claims what
        it has just queued must not take it."""
        others = len(self._starving) - (version_id in self._starving)
        return others > 0 and self._is_deployed(version_id)

    async def run(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                try:
                    await self._take_turns()
                except Unavailable as error:
                    logger.warning("queued invocations wait: %s", error)
        finally:
            await self._tasks.close()

    async def _take_turns(self) -> None:
        """Until nobody finds a slot."""
        while self._turns:
            function_name, version_id = self._turns.next()
            backlog = self._backlog.get(version_id)
            if backlog is None:
                continue
            if backlog and self._in_a_row[version_id] % _MAX_IN_FLIGHT == 1:
                await self._log.warm(list(islice(backlog, _MAX_IN_FLIGHT)))
            await self._tasks.until_fewer_than(_MAX_IN_FLIGHT)
            id_ = next(iter(backlog), None)
            if id_ is None:
                self._end_backlog(version_id)
            elif await self._claim_one(version_id, backlog, id_):
                self._in_a_row[version_id] += 1
                self._starving.discard(version_id)
                self._turns.give(function_name, version_id)
                self._turns.over(function_name)
            else:
                del self._in_a_row[version_id]

    def _end_backlog(self, version_id: FunctionVersionId) -> None:
        del self._backlog[version_id]
        del self._in_a_row[version_id]
        self._starving.discard(version_id)
        if version_id in self._left_out:
            self._left_out.remove(version_id)
            self.on_dry()

    async def _claim_one(
        self, version_id: FunctionVersionId, backlog: _Backlog, id_: ExecutionId
    ) -> bool:
        """False if no slot is free for it, or its function has to wait for one of its own."""
        version = self._catalogue.remembered(version_id)
        if version is None:
            # Looked up once: what waits without a slot must cost those who have one no look.
            try:
                version = await self._catalogue.by_id(version_id)
            except ResourceNotFound:
                backlog.pop(id_, None)
                self._tasks.start(self._fail(id_))
                return True
        if not self._limited.may_claim(version_id, version.function_name):
            self._starving.discard(version_id)
            return False
        claim = self._dispatch.reserve(version_id)
        if claim is None:
            if self._dispatch.is_exhausted(version_id):
                self._starving.add(version_id)
            else:
                self._starving.discard(version_id)
            self._parked.park(version)
            return False
        backlog.pop(id_, None)
        begun = self._limited.begin(version.function_name)
        self._tasks.start(self._claim(version, id_, claim, begun))
        return True

    async def _claim(
        self, version: FunctionVersion, id_: ExecutionId, claim: Claim, begun: int
    ) -> None:
        is_refused = False
        try:
            outcome = await self._log.claim(id_, claim)
        except TooManyRequests:
            is_refused = True
            self._dispatch.release(claim)
            self._put_back(version.id, id_)
        except BaseException as error:
            self._dispatch.release(claim)
            if not isinstance(error, DomainError):
                raise
            logger.warning("a queued invocation of %s waits: %s", id_, error)
        else:
            if outcome.answer is None:
                self._dispatch.release(claim)
            else:
                self._dispatch.deliver(outcome.after, outcome.answer)
        finally:
            for freed in self._limited.end(
                version.id, version.function_name, begun, refused=is_refused
            ):
                self._give_turn(freed)

    async def _fail(self, id_: ExecutionId) -> None:
        """Its function version has been deleted. If that comes later, the delivery finds out."""
        try:
            await self._log.commit(
                id_, lambda current, moment: decide_function_deleted(current, None, moment)
            )
        except DomainError as error:
            logger.warning("a queued invocation of %s waits: %s", id_, error)

    def _give_turn(self, version_id: FunctionVersionId) -> None:
        waits = version_id in self._parked or self._limited.is_parked(version_id)
        if version_id in self._backlog and not waits:
            version = self._catalogue.remembered(version_id)
            # One that is not known yet has turns of its own until it is: who claims reads it.
            self._turns.give(version_id if version is None else version.function_name, version_id)
            self._wanted.set()

    def _put_back(self, version_id: FunctionVersionId, id_: ExecutionId) -> None:
        """It was the oldest, and is it again."""
        backlog = self._backlog.setdefault(version_id, OrderedDict())
        backlog[id_] = None
        backlog.move_to_end(id_, last=False)

    def _is_deployed(self, version_id: FunctionVersionId) -> bool:
        version = self._catalogue.remembered(version_id)
        return version is not None and version.deployed

    def _ready(self, version_id: FunctionVersionId, id_: ExecutionId) -> None:
        self._later.pop(id_, None)
        self.offer(version_id, id_)

    def _forget(self, version_id: FunctionVersionId, id_: ExecutionId) -> None:
        backlog = self._backlog.get(version_id)
        if backlog is not None:
            backlog.pop(id_, None)
        timer = self._later.pop(id_, None)
        if timer is not None:
            timer.cancel()
