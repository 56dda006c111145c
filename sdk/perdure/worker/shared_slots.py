"""The slots of a function whose processes run many invocations each.

There is one process for each plan: one of the live folder, kept warm, and one of each published
version that is in use. Edited code, a process that has died and one that is worn get a successor;
what runs ends in the old one, if that still lives.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final, Protocol

from perdure.worker.child import InitFailure
from perdure.worker.functions import CodeUnavailable
from perdure.worker.invocation import (
    Invocation,
    InvocationId,
    Outcome,
    Result,
    error_result,
    timed_out,
)
from perdure.worker.plan import ChildPlan, LiveFolder
from perdure.worker.runtime import CannotStart
from perdure.worker.shared_child import SharedChild
from perdure.worker.slots import START_SECONDS, Plans, Workshop
from perdure.worker.waiting import first_of

_OVERDUE_SECONDS: Final = 1.0
"""The process ends an invocation at its timeout; so much later we do it without its help."""
_YOUNG_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class SharedWorkshop(Workshop, Protocol):
    def start_shared_child(
        self, plan: ChildPlan, folder: Path, concurrency: int
    ) -> AbstractAsyncContextManager[SharedChild]: ...


class SharedSlots:
    """Implements `slots.Slots`."""

    def __init__(self, plans: Plans, concurrency: int, workshop: SharedWorkshop) -> None:
        self._plans = plans
        self._concurrency = concurrency
        self._workshop = workshop
        self._processes: dict[ChildPlan, _Process] = {}
        self._leaving: set[_Process] = set()
        self._held: set[InvocationId] = set()
        self._keep_warm = True
        self._crashes = 0
        self._warm_again: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def name(self) -> str:
        return self._plans.function_name

    @property
    def is_free_unreported(self) -> bool:
        return True

    @property
    def held(self) -> tuple[InvocationId, ...]:
        """Invocations delivered here whose result the service has not accepted yet."""
        return tuple(self._held)

    @property
    def free(self) -> int:
        """What has ended has left its slot, reported or not."""
        return max(0, self._concurrency - sum(process.load for process in self._all()))

    def warm_up(self) -> None:
        """Start the process that is kept warm, unless there is one."""
        warm = self._plans.warm
        if warm is not None and self._keep_warm and self._warm_again is None:
            self._process(warm)

    def accept(self, invocation: Invocation) -> None:
        """Run a delivered invocation as soon as there is a process for it. A repeat is ignored."""
        if invocation.id in self._held:
            return
        self._held.add(invocation.id)
        self._process(self._plans.plan_for(invocation)).give(invocation)

    def release(self, invocation_id: InvocationId) -> None:
        """The result is with the service: the slot is free again."""
        self._held.discard(invocation_id)

    def reload(self) -> None:
        """The live folder has new code. What runs ends on the old code, what waits gets the new."""
        self._keep_warm = True
        self._crashes = 0
        self._cancel_warm_again()
        warm = self._plans.warm
        for plan, process in tuple(self._processes.items()):
            if plan.is_live and (warm is None or plan.code != warm.code):
                for invocation in self._replace(process):
                    self._process(self._plans.plan_for(invocation)).give(invocation)
        self._workshop.say(self.name, "reloaded")
        self.warm_up()

    def give_up(self) -> None:
        """Kill what still runs; each is reported as killed. What waits is left to others."""
        for process in self._all():
            for invocation in process.take_waiting():
                self.release(invocation.id)
            if process.running and process.child is not None:
                process.child.kill()

    def close(self) -> None:
        """Start no more processes and end all of them; nothing further is reported."""
        self._closed = True
        self._cancel_warm_again()
        for process in self._all():
            process.close()

    # what the processes ask

    @property
    def workshop(self) -> SharedWorkshop:
        return self._workshop

    @property
    def concurrency(self) -> int:
        return self._concurrency

    def keeps(self, plan: ChildPlan) -> bool:
        """Whether a process of this plan is wanted without work for it."""
        return plan == self._plans.warm

    def finished(self, invocation: Invocation, result: Result) -> None:
        if not self._closed:
            self._workshop.finished(self, invocation, result)

    def is_worn(self, process: _Process, reason: str) -> None:
        """It shall have no more work."""
        if process in self._leaving or self._closed:
            return
        self._workshop.say(self.name, f"its process is replaced: {reason}")
        waiting = self._replace(process)
        for invocation in waiting:
            self._process(process.plan).give(invocation)
        self.warm_up()

    def gone(self, process: _Process) -> None:
        """Its process has ended."""
        self._leaving.discard(process)
        if self._processes.get(process.plan) is process:
            del self._processes[process.plan]
        if self._closed:
            return
        waiting = process.take_waiting()
        now = asyncio.get_running_loop().time()
        if process.failure is not None:
            # It would fail again: wait for an invocation to need it, or for other code.
            self._keep_warm = False
            for invocation in waiting:
                self.finished(invocation, process.failure.result_for(invocation))
            if not waiting:
                self._workshop.say(self.name, f"did not start: {process.failure}")
            return
        if process.crashed and now - process.started_at < _YOUNG_SECONDS:
            self._crashes += 1
            self._warm_later(min(2.0 ** (self._crashes - 2), _LONGEST_PAUSE_SECONDS))
        elif now - process.started_at >= _YOUNG_SECONDS:
            self._crashes = 0
        for invocation in waiting:
            self._process(process.plan).give(invocation)
        self.warm_up()

    def is_serving(self) -> None:
        """A handler was loaded."""
        self._keep_warm = True

    # the rest

    def _all(self) -> list[_Process]:
        return [*self._processes.values(), *self._leaving]

    def _process(self, plan: ChildPlan) -> _Process:
        process = self._processes.get(plan)
        if process is None:
            process = self._processes[plan] = _Process(plan, self)
        return process

    def _replace(self, process: _Process) -> list[Invocation]:
        """Let it end when its work is done; what it had not begun with."""
        if self._processes.get(process.plan) is process:
            del self._processes[process.plan]
        self._leaving.add(process)
        waiting = process.take_waiting()
        process.leave()
        return waiting

    def _warm_later(self, seconds: float) -> None:
        self._cancel_warm_again()
        self._warm_again = asyncio.get_running_loop().call_later(seconds, self._warm_now)

    def _warm_now(self) -> None:
        self._warm_again = None
        self.warm_up()

    def _cancel_warm_again(self) -> None:
        if self._warm_again is not None:
            self._warm_again.cancel()
            self._warm_again = None


class _Process:
    """One process, from the decision to start it until it is gone; a Listener of its child."""

    def __init__(self, plan: ChildPlan, slots: SharedSlots) -> None:
        self.plan = plan
        self.started_at = asyncio.get_running_loop().time()
        self.running: dict[InvocationId, tuple[Invocation, asyncio.TimerHandle]] = {}
        self.child: SharedChild | None = None
        self.failure: InitFailure | None = None
        self.crashed = False
        self._slots = slots
        self._waiting: deque[Invocation] = deque()
        self._is_serving = False
        self._is_leaving = False
        self._changed = asyncio.Event()
        self._task = slots.workshop.tasks.create_task(self._run())
        # Not a finally within: a task that is cancelled before its first step never gets there.
        self._task.add_done_callback(lambda task: slots.gone(self))

    def give(self, invocation: Invocation) -> None:
        """Run it, at once or as soon as the handler is loaded."""
        if self._is_serving:
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
        if not self._is_serving:
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
        self._slots.finished(invocation, self.child.log_end(invocation_id, result))
        if not self.running:
            self._changed.set()

    def worn(self, reason: str) -> None:
        self._slots.is_worn(self, reason)

    async def _run(self) -> None:
        workshop, plan = self._slots.workshop, self.plan
        try:
            async with AsyncExitStack() as stack:
                folder = await stack.enter_async_context(self._folder())
                async with workshop.start_permits:
                    child = await stack.enter_async_context(
                        workshop.start_shared_child(plan, folder, self._slots.concurrency)
                    )
                    self.child, child.listener = child, self
                    await child.until_settled(START_SECONDS)
                self.failure = await child.until_ready(plan.init_seconds)
                if self.failure is None:
                    await self._serve(child)
        except CodeUnavailable as error:
            self.failure = InitFailure("Runtime.CodeUnavailable", str(error))
        except CannotStart as error:
            self.failure = InitFailure(error.error_type, str(error))
        except OSError as error:
            self.failure = InitFailure("Runtime.StartFailed", str(error))

    @asynccontextmanager
    async def _folder(self) -> AsyncIterator[Path]:
        code = self.plan.code
        if isinstance(code, LiveFolder):
            yield code.path
            return
        with await self._slots.workshop.published.hold(code) as held:
            yield held.folder

    async def _serve(self, child: SharedChild) -> None:
        child.log.ready()
        self._is_serving = True
        self._slots.is_serving()
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
            message = f"RequestId: {invocation_id} Error: Runtime {child.how_it_ended()}"
            self.ended(invocation_id, error_result(Outcome.EXIT, "Runtime.ExitError", message))

    async def _is_idle_for_long(self, child: SharedChild) -> bool:
        """Wait for news. True if there was nothing to do for so long that it may end."""
        self._changed.clear()
        idle = not self.running and not self._slots.keeps(self.plan)
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            limit = self._slots.workshop.idle_seconds if idle else None
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
