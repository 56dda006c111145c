"""One process that runs many invocations, from the decision to start it until it is gone."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import AsyncExitStack
from enum import Enum
from typing import Final, Protocol

from perdure.worker.invocation import (
    EXIT_ERROR,
    Invocation,
    InvocationId,
    Outcome,
    Result,
    ended_early,
    timed_out,
)
from perdure.worker.plan import ChildPlan
from perdure.worker.process_end import START_ERRORS, InitFailure
from perdure.worker.shared_child import SharedChild
from perdure.worker.waiting import first_of
from perdure.worker.workshop import START_SECONDS, Workshop

_OVERDUE_SECONDS: Final = 1.0
"""The process ends an invocation at its timeout; so much later we do it without its help."""


class Owner(Protocol):
    """Whose process it is."""

    @property
    def workshop(self) -> Workshop: ...
    @property
    def concurrency(self) -> int: ...

    def keeps(self, plan: ChildPlan) -> bool:
        """Whether a process of this plan is wanted without work for it."""

    def is_serving(self) -> None:
        """A handler was loaded."""

    def finished(self, invocation: Invocation, result: Result) -> None: ...

    def is_worn(self, process: SharedProcess, reason: str) -> None:
        """It shall have no more work."""

    def gone(self, process: SharedProcess) -> None:
        """Its process has ended."""


class _Stage(Enum):
    STARTING = 1
    SERVING = 2
    OVER = 3
    """It ends, or has: its last words are waited for, and its death before its code goes."""


class SharedProcess:
    """A Listener of its child."""

    def __init__(self, plan: ChildPlan, owner: Owner) -> None:
        self.plan = plan
        self.started_at = asyncio.get_running_loop().time()
        self.running: dict[InvocationId, tuple[Invocation, asyncio.TimerHandle]] = {}
        self.child: SharedChild | None = None
        self.failure: InitFailure | None = None
        self.crashed = False
        self._owner = owner
        self._waiting: deque[Invocation] = deque()
        self._stage = _Stage.STARTING
        self._is_leaving = False
        self._changed = asyncio.Event()
        self._task = owner.workshop.tasks.create_task(self._run())
        # Not a finally within: a task that is cancelled before its first step never gets there.
        self._task.add_done_callback(lambda task: owner.gone(self))

    def give(self, invocation: Invocation) -> None:
        """Run it, at once or as soon as the handler is loaded."""
        if self._stage is _Stage.SERVING:
            self._begin(invocation)
        else:
            self._waiting.append(invocation)

    @property
    def load(self) -> int:
        return len(self.running) + len(self._waiting)

    def take_waiting(self) -> list[Invocation]:
        waiting = list(self._waiting)
        self._waiting.clear()
        return waiting

    def leave(self) -> None:
        """End when nothing runs any more."""
        self._is_leaving = True
        self._changed.set()
        if self._stage is _Stage.STARTING:
            self._task.cancel()

    def close(self) -> None:
        for _, overdue in self.running.values():
            overdue.cancel()
        self._task.cancel()

    # shared_child.Listener

    def ended(self, invocation_id: InvocationId, result: Result) -> None:
        entry = self.running.pop(invocation_id, None)
        if entry is None:
            return  # it was given up before
        invocation, overdue = entry
        overdue.cancel()
        assert self.child is not None
        self._owner.finished(invocation, self.child.log_end(invocation_id, result))
        if not self.running:
            self._changed.set()

    def worn(self, reason: str) -> None:
        self._owner.is_worn(self, reason)

    async def _run(self) -> None:
        workshop, plan = self._owner.workshop, self.plan
        try:
            async with AsyncExitStack() as stack:
                folder = await stack.enter_async_context(workshop.published.folder(plan.code))
                async with workshop.start_permits:
                    child = await stack.enter_async_context(
                        workshop.processes.shared_child(plan, folder, self._owner.concurrency)
                    )
                    self.child, child.listener = child, self
                    await child.until_settled(START_SECONDS)
                self.failure = await child.until_ready(plan.init_seconds)
                if self.failure is None:
                    await self._serve(child)
                # What comes while it is buried is for its successor.
                self._stage = _Stage.OVER
        except START_ERRORS as error:
            self.failure = InitFailure.of(error)

    async def _serve(self, child: SharedChild) -> None:
        child.log.process.ready()
        self._stage = _Stage.SERVING
        self._owner.is_serving()
        for invocation in self.take_waiting():
            self._begin(invocation)
        while not child.end.done():
            if self._is_leaving and not self.running:
                await child.leave()
                return
            if await self._is_idle_for_long(child):
                return
        self.crashed = True
        for invocation_id in tuple(self.running):
            reason = f"Runtime {child.how_it_ended()}"
            self.ended(invocation_id, ended_early(invocation_id, Outcome.EXIT, EXIT_ERROR, reason))

    async def _is_idle_for_long(self, child: SharedChild) -> bool:
        """Wait for news. True if there was nothing to do for so long that it may end."""
        self._changed.clear()
        idle = not self.running and not self._owner.keeps(self.plan)
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            limit = self._owner.workshop.idle_seconds if idle else None
            await first_of(changed, child.end, limit_seconds=limit)
            return idle and not changed.done() and not child.end.done() and not self.running
        finally:
            changed.cancel()

    def _begin(self, invocation: Invocation) -> None:
        assert self.child is not None
        limit_seconds = invocation.timeout_seconds + _OVERDUE_SECONDS
        overdue = asyncio.get_running_loop().call_later(limit_seconds, self._overdue, invocation)
        self.running[invocation.id] = invocation, overdue
        self.child.log.begin(invocation)
        self.child.run(invocation)

    def _overdue(self, invocation: Invocation) -> None:
        """The process did not end it: it hangs, or something in it blocks the event loop."""
        self.ended(invocation.id, timed_out(invocation))
        self.worn(f"{invocation.id} did not end at its timeout")
