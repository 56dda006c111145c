"""LISTEN and NOTIFY between replicas: only hints, nothing depends on them.

One coalesced NOTIFY for many commits, on a connection of its own: a NOTIFY in the transaction of
a commit would serialise all commits of the database. Changes of functions are rare and have theirs.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from uuid import uuid4

import psycopg
from psycopg import sql

from perdure_service.domain.execution import InvokeMode, Queued, Running
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.function_limits import FunctionLimits
from perdure_service.ports.log import Commit
from perdure_service.postgres.connection import connect

logger = logging.getLogger(__name__)

FUNCTION_CHANGED = "perdure_function_changed"
"""The channel of the names of functions that a transaction has changed."""

_LOOK = "perdure"
_SPACING_SECONDS = 0.02
_RECONNECT_SECONDS = 1.0


class Notifier:
    """Tells other replicas to look, and calls `on_hint` when one of them says so. Any change of a
    function, also one that this replica made, is `on_function_changed`, with its name."""

    def __init__(
        self,
        url: str,
        *,
        on_hint: Callable[[], None],
        on_function_changed: Callable[[str], None],
        is_awaited: Callable[[ExecutionId], bool],
        limits: FunctionLimits,
    ) -> None:
        self._url = url
        self._on_hint = on_hint
        self._on_function_changed = on_function_changed
        self._is_awaited = is_awaited
        self._limits = limits
        self._own_id = str(uuid4())
        self._news = asyncio.Event()

    def observe(self, commit: Commit) -> None:
        """Another replica may have a free worker, or the caller who waits, or the parent, or an
        invocation that waited for this one's end."""
        effects = commit.effects
        unclaimed = effects.queue_moved and isinstance(effects.queue, Queued)
        identity = commit.after.identity
        awaited_elsewhere = (
            effects.closed
            and identity.mode is InvokeMode.REQUEST_RESPONSE
            and not self._is_awaited(identity.id)
        )
        if unclaimed or awaited_elsewhere or self._left_room(commit):
            self._news.set()

    def tell(self) -> None:
        """There is something to see."""
        self._news.set()

    def _left_room(self, commit: Commit) -> bool:
        before = commit.before
        return (
            before is not None
            and commit.effects.queue_moved
            and isinstance(before.ledger.invocation, Running)
            and self._limits.of(before.identity.function_name) is not None
        )

    async def run(self) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._keep(self._listen))
            tasks.create_task(self._keep(self._tell))

    async def _keep(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except (psycopg.OperationalError, psycopg.InterfaceError, TimeoutError) as error:
                logger.warning("hints between replicas are interrupted: %s", error)
            await asyncio.sleep(_RECONNECT_SECONDS)

    async def _listen(self) -> None:
        async with await connect(self._url, name="listens") as connection:
            for channel in (_LOOK, FUNCTION_CHANGED):
                await connection.execute(sql.SQL("LISTEN {}").format(sql.Identifier(channel)))
            self._on_hint()  # what was said while nobody listened
            async for hint in connection.notifies():
                if hint.channel == FUNCTION_CHANGED:
                    self._on_function_changed(hint.payload)
                elif hint.payload != self._own_id:
                    self._on_hint()

    async def _tell(self) -> None:
        async with await connect(self._url, name="notifies") as connection:
            while True:
                await self._news.wait()
                self._news.clear()
                await connection.execute("SELECT pg_notify(%s, %s)", (_LOOK, self._own_id))
                await asyncio.sleep(_SPACING_SECONDS)
