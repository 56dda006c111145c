"""The lane of what has to be counted: here begin invocations of functions with a limit.

One transaction for each flush, on a connection of its own, so that it keeps no other write waiting:
lock the rows of the functions, count what runs, append what fits. Nobody who counts the same
function comes in between, on no replica.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass

from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.domain.decide_invocation import Claim, Delivery, decide_claim
from perdure_service.domain.decide_start import decide_start
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.errors import TooManyRequests, Unavailable
from perdure_service.domain.execution import Execution, Identity
from perdure_service.ports.log import Holder, NameLock, Outcome
from perdure_service.postgres.append import append_statement, start_statement
from perdure_service.postgres.commit_context import GOING, MAX_WAITING, UNKNOWN, CommitContext
from perdure_service.postgres.function_limits import count, lock
from perdure_service.postgres.lane import UNSTORABLE, Lane, LaneConnection, LostFlush, unstorable
from perdure_service.postgres.names import read_holder
from perdure_service.postgres.reading import ReadPool
from perdure_service.postgres.rows import Change
from perdure_service.postgres.statement import Statement
from perdure_service.postgres.turns import Turn, birth

logger = logging.getLogger(__name__)

REASON = "ReservedFunctionConcurrentInvocationLimitExceeded"

_MOST_AT_ONCE = 64
_BEGIN = Statement("BEGIN")
_COMMIT = Statement("COMMIT")
_OVERTAKEN = "Another replica was faster. Repeat the same request."


@dataclass(eq=False, slots=True)
class _Start:
    """A new execution whose caller waits for it."""

    new: NewExecution
    lock: NameLock | None
    future: asyncio.Future[Execution | Holder]

    @property
    def identity(self) -> Identity:
        return self.new.identity


@dataclass(eq=False, slots=True)
class _Claim:
    """The queued invocation of an execution, whose state was just read."""

    execution: Execution
    claim: Claim
    future: asyncio.Future[Outcome[Delivery | None]]

    @property
    def identity(self) -> Identity:
        return self.execution.identity


_Wish = _Start | _Claim


@dataclass(eq=False, slots=True)
class _Attempt:
    """What fits. `delivery` is the invocation that begins with it."""

    wish: _Wish
    change: Change
    delivery: Delivery | None

    @property
    def handed_out(self) -> Delivery | None:
        """What the lane has to hand out, or to give back: who claims does that himself."""
        return self.delivery if isinstance(self.wish, _Start) else None


class CountedLane:
    def __init__(self, url: str, context: CommitContext, pool: ReadPool) -> None:
        self._context = context
        self._pool = pool
        self._connection = LaneConnection(url, "counted")
        self._lane: Lane[_Wish] = Lane(self._flush, MAX_WAITING)
        self._tasks = OwnedTasks()

    async def start(self, new: NewExecution, lock: NameLock | None) -> Execution | Holder:
        """Start it, and claim its first invocation if a slot is free. Raises TooManyRequests, with
        nothing written, if as many run as may."""
        future: asyncio.Future[Execution | Holder] = asyncio.get_running_loop().create_future()
        self._lane.put(_Start(new, lock, future))
        return await future

    async def claim(self, execution: Execution, claim: Claim) -> Outcome[Delivery | None]:
        """As `decide_claim` decides on that state, if nobody has moved it since. Raises
        TooManyRequests if as many run as may, Unavailable if somebody has."""
        future: asyncio.Future[Outcome[Delivery | None]]
        future = asyncio.get_running_loop().create_future()
        self._lane.put(_Claim(execution, claim, future))
        return await future

    async def run(self) -> None:
        try:
            await self._lane.run()
        finally:
            await self._tasks.close()
            for wish in self._lane.waiting:
                _fail(wish, Unavailable(GOING))
            await self._connection.close()

    async def _flush(self) -> None:
        await self._commit(self._take())

    def _take(self) -> list[_Wish]:
        """Of those who want the same name one at a time."""
        taken: list[_Wish] = []
        later: list[_Wish] = []
        keys: set[tuple[str, str, str]] = set()
        waiting = self._lane.waiting
        while waiting and len(taken) < _MOST_AT_ONCE:
            wish = waiting.popleft()
            lock = wish.lock if isinstance(wish, _Start) else None
            key = (*_function(wish), lock.name) if lock is not None else None
            if key in keys:
                later.append(wish)
            elif not wish.future.done():
                taken.append(wish)
                if key is not None:
                    keys.add(key)
        waiting.extendleft(reversed(later))
        return taken

    async def _commit(self, wishes: Sequence[_Wish]) -> None:
        if not wishes:
            return
        attempts: list[_Attempt] = []
        refused: list[_Wish] = []
        try:
            left = await self._count(wishes)
            for wish in wishes:
                self._try(wish, left, attempts, refused)
            won = await self._append(attempts)
            await self._connection.execute(_COMMIT)
        except (LostFlush, asyncio.CancelledError):
            self._lost(attempts, wishes, Unavailable(UNKNOWN))
            raise
        except Exception as error:
            await self._connection.close()  # rolls back
            await self._commit_singly(attempts, wishes, error)
            return
        for n, attempt in enumerate(attempts):
            if n in won:
                self._context.won(attempt.change, attempt.handed_out)
                _answer(attempt)
                self._context.announce(attempt.change)
            else:
                self._context.give_back(attempt.handed_out)
                self._tasks.start(self._answer_loser(attempt.wish, Unavailable(_OVERTAKEN)))
        for wish in refused:
            self._tasks.start(self._answer_loser(wish, _at_limit(wish.identity)))

    async def _commit_singly(
        self, attempts: Sequence[_Attempt], wishes: Sequence[_Wish], error: Exception
    ) -> None:
        """What cannot be written fails all that came with it: find whose it is."""
        if len(wishes) == 1:
            if isinstance(error, UNSTORABLE):
                error = unstorable(error)
            else:
                logger.error("a counted write failed", exc_info=error)
            self._lost(attempts, wishes, error)
            return
        for attempt in attempts:
            self._context.give_back(attempt.handed_out)
        for n, wish in enumerate(wishes):
            if wish.future.done():
                continue  # there was nothing to write
            try:
                await self._commit([wish])
            except (LostFlush, asyncio.CancelledError):
                self._lost((), wishes[n + 1 :], Unavailable(UNKNOWN))
                raise

    async def _count(self, wishes: Sequence[_Wish]) -> dict[tuple[str, str], int]:
        """How many invocations of each function may begin, until the transaction ends."""
        functions = sorted({_function(wish) for wish in wishes})
        await self._connection.execute(_BEGIN)
        await self._connection.execute(lock(functions))
        counts = await self._connection.execute(count(functions))
        return dict(zip(functions, counts, strict=True))

    def _try(
        self,
        wish: _Wish,
        left: dict[tuple[str, str], int],
        attempts: list[_Attempt],
        refused: list[_Wish],
    ) -> None:
        if left[_function(wish)] <= 0:
            refused.append(wish)
            return
        attempt = self._decide(wish)
        if attempt is not None:
            attempts.append(attempt)
            if attempt.delivery is not None:
                left[_function(wish)] -= 1

    def _decide(self, wish: _Wish) -> _Attempt | None:
        """None if there is nothing to write: then it has been answered."""
        if isinstance(wish, _Start):
            started = decide_start(wish.new, self._context.moment())
            claim = self._context.claim(started.after, counted=True)
            delivery = claim.answer if claim is not None else None
            return _Attempt(wish, birth(started, wish.lock, claim), delivery)
        decision = decide_claim(wish.execution, wish.claim, self._context.moment())
        if not decision.changes:
            wish.future.set_result(Outcome(decision.answer, decision.after))
            return None
        turn = Turn(before=wish.execution, after=wish.execution)
        turn.add(decision)
        return _Attempt(wish, turn.change(), decision.answer)

    async def _append(self, attempts: Sequence[_Attempt]) -> set[int]:
        """The places of those that won."""
        won: set[int] = set()
        for is_start in (True, False):
            places = [n for n, a in enumerate(attempts) if isinstance(a.wish, _Start) is is_start]
            if not places:
                continue
            changes = [attempts[n].change for n in places]
            if is_start:
                statement = start_statement(changes, self._context.clock.now(), counted=True)
            else:
                statement = append_statement(changes, counted=True)
            won.update(places[n] for n in await self._connection.execute(statement))
        return won

    async def _answer_loser(self, wish: _Wish, error: Exception) -> None:
        """A start may attach to the execution that has its name, however many run."""
        try:
            if isinstance(wish, _Start) and wish.lock is not None:
                holder = await read_holder(self._pool, wish.identity, wish.lock.name)
                if holder is not None and not wish.future.done():
                    wish.future.set_result(holder)
        except Exception as failure:
            error = failure
        _fail(wish, error)

    def _lost(
        self, attempts: Sequence[_Attempt], wishes: Sequence[_Wish], error: Exception
    ) -> None:
        for attempt in attempts:
            self._context.give_back(attempt.handed_out)
        for wish in wishes:
            if isinstance(wish, _Claim):
                self._context.cache.evict(wish.execution.id)
            _fail(wish, error)


def _function(wish: _Wish) -> tuple[str, str]:
    return wish.identity.account, wish.identity.function_name


def _answer(attempt: _Attempt) -> None:
    wish = attempt.wish
    if wish.future.done():
        return
    if isinstance(wish, _Start):
        wish.future.set_result(attempt.change.after)
    else:
        wish.future.set_result(Outcome(attempt.delivery, attempt.change.after))


def _fail(wish: _Wish, error: Exception) -> None:
    if not wish.future.done():
        wish.future.set_exception(error)


def _at_limit(identity: Identity) -> TooManyRequests:
    return TooManyRequests(
        f"Rate exceeded: as many invocations of function '{identity.function_name}' run as its "
        "reserved concurrency allows. Repeat the same request later, or raise the limit with "
        "PutFunctionConcurrency.",
        reason=REASON,
    )
