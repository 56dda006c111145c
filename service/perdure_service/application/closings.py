"""Callers who wait for an execution to close."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from perdure_service.domain.errors import Unavailable
from perdure_service.domain.execution import Execution
from perdure_service.domain.ids import ExecutionId
from perdure_service.ports.log import Commit, ExecutionLog

CHECK_SECONDS = 5.0

Check = Callable[[], Awaitable[None]]
"""Raises what ends the wait."""


class Closings:
    """Wakes waiting callers: at once by a commit of this replica (`observe`), else by
    `closed_elsewhere`, which the once-a-second look calls."""

    def __init__(self, log: ExecutionLog, check_seconds: float = CHECK_SECONDS) -> None:
        self._log = log
        self._check_seconds = check_seconds
        self._waiting: dict[ExecutionId, list[asyncio.Future[None]]] = {}
        self._stopping = False

    @property
    def awaited(self) -> list[ExecutionId]:
        """The executions that somebody waits for here."""
        return list(self._waiting)

    def is_awaited(self, id_: ExecutionId) -> bool:
        return id_ in self._waiting

    async def wait(
        self, id_: ExecutionId, timeout_seconds: float, check: Check | None = None
    ) -> Execution | None:
        """The closed execution, or None if it is still open after `timeout_seconds`. `check` is
        called every few seconds. Raises what that raises, and Unavailable if the service stops
        before."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting = self._waiting.setdefault(id_, [])
        waiting.append(future)
        try:
            execution = await self._log.recent(id_)
            if not execution.is_closed:
                if self._stopping:
                    raise _stopping(execution)
                async with asyncio.timeout(timeout_seconds):
                    if check is not None:
                        await self._until_woken(future, check)
                    await future
                execution = await self._log.recent(id_)
            if not execution.is_closed and self._stopping:
                raise _stopping(execution)
            if not execution.is_closed:
                execution = await self._log.read(id_)  # another replica closed it
            return execution if execution.is_closed else None
        except TimeoutError:
            return None
        finally:
            waiting.remove(future)
            if not waiting:
                self._waiting.pop(id_, None)

    async def _until_woken(self, future: asyncio.Future[None], check: Check) -> None:
        while not future.done():
            await asyncio.wait((future,), timeout=self._check_seconds)
            if not future.done():
                await check()

    def end_waits(self) -> None:
        """Send every waiting caller away, and let none wait any more: the service is stopping."""
        self._stopping = True
        for id_ in list(self._waiting):
            self.closed_elsewhere(id_)

    def observe(self, commit: Commit) -> None:
        if commit.effects.closed:
            self.closed_elsewhere(commit.after.id)

    def closed_elsewhere(self, id_: ExecutionId) -> None:
        """Wake the waiters of `id_`; harmless if it is not closed, since they look."""
        for future in self._waiting.get(id_, ()):
            if not future.done():
                future.set_result(None)


def _stopping(execution: Execution) -> Unavailable:
    return Unavailable(
        f"The service is stopping; {execution.identity.arn} goes on when it is back. AWS's SDKs "
        "repeat this call and find the same execution."
    )
