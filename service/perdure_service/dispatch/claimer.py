"""Queued invocations that found no free slot, and their way to the next one."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from itertools import islice

from perdure_service.application.owned_tasks import OwnedTasks
from perdure_service.domain.decide_invocation import (
    Claim,
    decide_claim,
    decide_function_deleted,
)
from perdure_service.domain.errors import DomainError, ResourceNotFound, Unavailable
from perdure_service.domain.execution import Identity, Queued
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.instant import MICROSECONDS
from perdure_service.ports.clock import Clock
from perdure_service.ports.dispatch import Dispatch
from perdure_service.ports.functions import FunctionCatalogue
from perdure_service.ports.log import Commit, ExecutionLog

logger = logging.getLogger(__name__)

_MAX_BACKLOG = 100_000
_MAX_IN_FLIGHT = 256


_Backlog = OrderedDict[ExecutionId, Identity | None]
"""Of one function, oldest first. The identity is there once it was read and its function found:
what waits without a slot must cost those who have one no look into the database."""


class Claimer:
    """Remembers what this replica saw queued, oldest first, and claims it when a slot is free.

    Only hints: a claim is fenced, and what is forgotten here the once-a-second look finds again.
    """

    def __init__(
        self, log: ExecutionLog, dispatch: Dispatch, catalogue: FunctionCatalogue, clock: Clock
    ) -> None:
        self._log = log
        self._dispatch = dispatch
        self._catalogue = catalogue
        self._clock = clock
        self._backlog: dict[str, _Backlog] = {}
        self._later: dict[ExecutionId, asyncio.TimerHandle] = {}
        self._wanted = asyncio.Event()
        self._tasks = OwnedTasks()

    def observe(self, commit: Commit) -> None:
        """Follow the queue as this replica moves it."""
        if not commit.effects.queue_moved:
            return
        id_, function_name = commit.after.id, commit.after.identity.function_name
        self._forget(function_name, id_)
        if isinstance(commit.effects.queue, Queued):
            wait = (commit.effects.queue.ready_at - self._clock.now()) / MICROSECONDS
            if wait <= 0:
                self.offer(function_name, id_)
            else:
                loop = asyncio.get_running_loop()
                self._later[id_] = loop.call_later(wait, self._ready, function_name, id_)

    def offer(self, function_name: str, id_: ExecutionId) -> None:
        """An invocation of `id_` is queued and ready, somebody says."""
        backlog = self._backlog.setdefault(function_name, OrderedDict())
        if len(backlog) < _MAX_BACKLOG:
            backlog.setdefault(id_)
            self._wanted.set()

    def slots_are_free(self) -> None:
        if self._backlog:
            self._wanted.set()

    async def run(self) -> None:
        try:
            while True:
                await self._wanted.wait()
                self._wanted.clear()
                try:
                    await self._claim_what_fits()
                except Unavailable as error:
                    logger.warning("queued invocations wait: %s", error)
        finally:
            await self._tasks.close()

    async def _claim_what_fits(self) -> None:
        """One pass over the backlogs, each until it finds no slot: what is left keeps its place."""
        for function_name in list(self._backlog):
            backlog = self._backlog[function_name]
            for n, id_ in enumerate(list(islice(backlog, _MAX_IN_FLIGHT))):
                if n == 1:
                    await self._log.warm(list(islice(backlog, _MAX_IN_FLIGHT)))
                await self._tasks.until_fewer_than(_MAX_IN_FLIGHT)
                if id_ in backlog and not await self._claim_one(backlog, id_):
                    break
            else:
                if backlog:
                    self._wanted.set()
            if not backlog:
                self._backlog.pop(function_name, None)

    async def _claim_one(self, backlog: _Backlog, id_: ExecutionId) -> bool:
        """False if no slot is free for it."""
        try:
            identity = backlog[id_]
            if identity is None or not self._catalogue.remembered(identity.function_version_id):
                identity = await self._identity(id_)
            if identity is None:
                await self._log.commit(
                    id_, lambda current, moment: decide_function_deleted(current, None, moment)
                )
                return True
        except DomainError as error:
            logger.warning("a queued invocation of %s waits: %s", id_, error)
            backlog.pop(id_, None)
            return True
        claim = self._dispatch.reserve(identity)
        if claim is None:
            if id_ in backlog:
                backlog[id_] = identity
            return False
        backlog.pop(id_, None)
        self._tasks.start(self._claim(identity, claim))
        return True

    async def _identity(self, id_: ExecutionId) -> Identity | None:
        """None if its function version has been deleted; if that comes later, the delivery will
        find out. Raises ResourceNotFound if it is gone itself, and Unavailable."""
        identity = (await self._log.recent(id_)).identity
        try:
            await self._catalogue.by_id(identity.function_version_id)
        except ResourceNotFound:
            return None
        return identity

    async def _claim(self, identity: Identity, claim: Claim) -> None:
        try:
            outcome = await self._log.commit(
                identity.id,
                lambda current, moment: decide_claim(current, claim, moment),
            )
        except BaseException as error:
            self._dispatch.release(claim, identity)
            if not isinstance(error, DomainError):
                raise
            logger.warning("a queued invocation of %s waits: %s", identity.id, error)
            return
        if outcome.answer is None:
            self._dispatch.release(claim, identity)
        else:
            self._dispatch.deliver(outcome.after, outcome.answer)

    def _ready(self, function_name: str, id_: ExecutionId) -> None:
        self._later.pop(id_, None)
        self.offer(function_name, id_)

    def _forget(self, function_name: str, id_: ExecutionId) -> None:
        backlog = self._backlog.get(function_name)
        if backlog is not None:
            backlog.pop(id_, None)
        timer = self._later.pop(id_, None)
        if timer is not None:
            timer.cancel()
