"""The log on Postgres: decide on the cached state, append fenced, in groups.

A command waits in the queue of its execution. A flush takes the commands of many executions,
decides them on the cached states, and sends all that was decided as one statement. Who lost the
fence is caught up and decided again in a later flush. An answer is given only after the commit.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from perdure_service.domain.decide_invocation import Claim, Delivery, decide_claim
from perdure_service.domain.decision import NewExecution
from perdure_service.domain.errors import ResourceNotFound, Unavailable
from perdure_service.domain.events import Event
from perdure_service.domain.execution import Execution, Identity, InvokeMode
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.clock import Clock
from perdure_service.ports.dispatch import Dispatch
from perdure_service.ports.log import CommitObserver, Decide, Holder, NameLock, Outcome
from perdure_service.postgres.appends import AppendLane
from perdure_service.postgres.cache import ExecutionCache
from perdure_service.postgres.commit_context import MAX_BATCH_ROWS, CommitContext, MustBeCounted
from perdure_service.postgres.counted import CountedLane
from perdure_service.postgres.function_limits import PostgresLimits
from perdure_service.postgres.names import free_name, read_holder
from perdure_service.postgres.reading import ExecutionReader, ReadPool
from perdure_service.postgres.starts import StartLane

R = TypeVar("R")
T = TypeVar("T")

_COUNTING_TRIES = 3


class PostgresLog:
    """Implements `ports.log.ExecutionLog`. `run` must be running for writes to go out."""

    def __init__(
        self,
        url: str,
        *,
        pool: ReadPool,
        cache: ExecutionCache,
        clock: Clock,
        limits: PostgresLimits | None = None,
    ) -> None:
        self._pool = pool
        self._reader = ExecutionReader(pool)
        self._cache = cache
        self._limits = limits or PostgresLimits(pool)
        self._context = CommitContext(clock, cache, self._limits)
        self._appends = AppendLane(url, self._context, self.read)
        self._starts = StartLane(url, self._context, pool)
        self._counted = CountedLane(url, self._context, pool)

    def attach(self, dispatch: Dispatch, observers: Sequence[CommitObserver]) -> None:
        """Hand queued invocations to `dispatch`, and tell `observers` of each commit."""
        self._context.dispatch = dispatch
        self._context.observers = tuple(observers)

    async def run(self) -> None:
        async with asyncio.TaskGroup() as lanes:
            lanes.create_task(self._appends.run())
            lanes.create_task(self._starts.run())
            lanes.create_task(self._counted.run())

    async def read(self, id_: ExecutionId) -> Execution:
        cached = self._cache.get(id_)
        try:
            if cached is None:
                current = await self._reader.load(id_)
            else:
                current = await self._reader.catch_up(cached)
        except ResourceNotFound:
            self._cache.evict(id_)  # it was purged, perhaps by another replica
            raise
        if current is not cached:
            self._cache.put(current)
        return current

    async def recent(self, id_: ExecutionId) -> Execution:
        return self._cache.get(id_) or await self.read(id_)

    async def warm(self, ids: Sequence[ExecutionId]) -> None:
        cold = [id_ for id_ in ids if self._cache.get(id_) is None]
        for n in range(0, len(cold), MAX_BATCH_ROWS):
            for execution in await self._reader.load_many(cold[n : n + MAX_BATCH_ROWS]):
                self._cache.put(execution)

    def forget(self, ids: Iterable[ExecutionId]) -> None:
        for id_ in ids:
            self._cache.evict(id_)

    async def read_at(self, id_: ExecutionId, event_id: int) -> Execution:
        return await self._reader.at(id_, event_id)

    async def events(
        self,
        id_: ExecutionId,
        *,
        after: int,
        upto: int,
        limit: int,
        reverse: bool,
        payloads: bool = True,
        max_bytes: int | None = None,
    ) -> list[Event]:
        return await self._reader.events(
            id_,
            after=after,
            upto=upto,
            limit=limit,
            reverse=reverse,
            payloads=payloads,
            max_bytes=max_bytes,
        )

    async def commit(
        self, id_: ExecutionId, decide: Decide[T], *, verify: bool = True
    ) -> Outcome[T]:
        await self.recent(id_)
        return await self._appends.submit(id_, decide, _whole, verify=verify)

    async def commit_shown(
        self, id_: ExecutionId, decide: Decide[T], show: Callable[[Outcome[T]], R]
    ) -> R:
        await self.recent(id_)
        return await self._appends.submit(id_, decide, show, verify=True)

    def submit_due(self, id_: ExecutionId, decide: Decide[T]) -> asyncio.Future[Outcome[T]]:
        return self._appends.submit(id_, decide, _whole, verify=False, due=True)

    async def free_name(self, identity: Identity, name: str, holder: ExecutionId) -> None:
        await free_name(self._pool, identity, name, holder)

    async def start(self, new: NewExecution, lock: NameLock | None = None) -> Execution | Holder:
        for _ in range(_COUNTING_TRIES):
            try:
                if self._counts(new.identity) and new.identity.mode is InvokeMode.REQUEST_RESPONSE:
                    return await self._counted.start(new, lock)
                return await self._starts.start(new, lock)
            except MustBeCounted:
                continue
        raise Unavailable("The function's limit changes all the time. Repeat the same request.")

    async def claim(self, id_: ExecutionId, claim: Claim) -> Outcome[Delivery | None]:
        execution = await self.recent(id_)
        if not self._counts(execution.identity):
            with contextlib.suppress(MustBeCounted):
                return await self._appends.submit(
                    id_,
                    lambda current, moment: decide_claim(current, claim, moment),
                    _whole,
                    verify=True,
                    claims=True,
                )
        return await self._counted.claim(await self.read(id_), claim)

    def _counts(self, identity: Identity) -> bool:
        return self._limits.of(identity.function_name) is not None

    async def holder(self, new: NewExecution, lock: NameLock) -> Holder | None:
        return await read_holder(self._pool, new.identity, lock.name)


def _whole(outcome: Outcome[T]) -> Outcome[T]:
    return outcome
