"""One invocation: its checkpoints, who waits for what, and when nothing can run any more.

The driver lives on an event loop. Programs run in threads and tasks, each under `lock` from one
effect to the next. Updates that queue while a checkpoint is in flight go with the next one; nobody
waits for a timer, except a START whose step is still busy.

`running` counts what is sure to go on by itself: threads that are not parked, step bodies and
commits. When it is zero and the tasks are blocked too, what is left are parked operations, and the
invocation ends: their end makes another one.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

from perdure import clock
from perdure.core.effects import Crew, Park
from perdure.core.replay import Replay
from perdure.exceptions import (
    CheckpointError,
    OrphanedChildException,
    SuspendExecution,
)
from perdure.service_api import (
    CheckpointAnswer,
    DurableService,
    Operation,
    OperationUpdate,
    ServiceCallFailed,
)
from perdure.shell.idle import are_blocked
from perdure.shell.threads import THREADS
from perdure.shell.waiters import Waiter

PAGE_ITEMS = 1_000
_LAZY_SECONDS = 0.05
"""How long a START may wait for company while its step runs."""
_RECHECK_SECONDS = 0.02
"""How often to look whether a handler that waits for something else than operations still does."""
_HOPS = 5
"""Rounds of the event loop until what one task told another has been heard by a third."""
_POLL_SECONDS = 0.25
"""The pause before asking again for an operation that should be due."""


class Closing(Enum):
    """Why an invocation takes no more operations."""

    SUSPENDED = "nothing can run until an operation ends"
    REVOKED = "the service wants no more of this invocation"
    FAILED = "the service refused a checkpoint"
    ENDED = "the handler has returned"


class _Parked:
    __slots__ = ("park", "waiter")

    def __init__(self, park: Park, waiter: Waiter) -> None:
        self.park = park
        self.waiter = waiter


class Driver:
    """See the module. Methods marked (lock) are called with `lock` held."""

    def __init__(
        self, service: DurableService, token: str, loop: asyncio.AbstractEventLoop
    ) -> None:
        self.service = service
        self.loop = loop
        self.loop_thread = threading.get_ident()
        self.lock = threading.RLock()
        self.replay: Replay
        self.tasks: set[asyncio.Task[Any]] = set()
        self.threads: set[int] = set()
        self.running = 0
        self.closing: Closing | None = None
        self.failure: CheckpointError | None = None
        self._token = token
        self._requests = 0
        self._commits: deque[tuple[int, Waiter]] = deque()
        self._parked: dict[str, list[_Parked]] = {}
        self._joining: dict[Crew, Waiter] = {}
        self._flushing: asyncio.Task[None] | None = None
        self._poll_wanted = False
        self._poll_timer: asyncio.TimerHandle | None = None
        self._lazy_armed = False
        self._settling = False
        self._threads = 0
        self._all_threads_left: asyncio.Future[None] | None = None

    @property
    def is_closed(self) -> bool:
        return self.closing is not None

    # -- checkpoints -----------------------------------------------------------------------------

    def commit(self, waiter: Waiter) -> None:
        """(lock) Resolve `waiter` when the service has all that is queued now."""
        if self.closing is not None and self.closing is not Closing.ENDED:
            waiter.resolve(SuspendExecution(self.closing.value))
            return
        self._commits.append((self.replay.queued, waiter))
        self._kick()

    def send_soon(self) -> None:
        """(lock) What is queued may wait a little for more, but not for long."""
        if not self._lazy_armed and self.replay.outbox:
            self._lazy_armed = True
            self.on_loop(self._arm_lazy)

    def _arm_lazy(self) -> None:
        self.loop.call_later(_LAZY_SECONDS, self._send_lazy)

    def _send_lazy(self) -> None:
        with self.lock:
            self._lazy_armed = False
            if self.replay.outbox and self.closing is None:
                self._flush_soon()

    def _kick(self) -> None:
        if self._flushing is None:
            self.on_loop(self._flush_soon)

    def on_loop(self, call: Callable[[], object]) -> None:
        """Call it on the event loop's thread: now if this is it."""
        if threading.get_ident() == self.loop_thread:
            call()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call)

    def _flush_soon(self) -> None:
        if self._flushing is None:
            self._flushing = self.loop.create_task(self._flush())

    async def _flush(self) -> None:
        try:
            while True:
                with self.lock:
                    updates = self.replay.take()
                    if not updates and not self._commits and not self._poll_wanted:
                        return
                    self._poll_wanted = False
                answered = await self._checkpoint(updates)
                with self.lock:
                    changed = self.replay.sent(len(updates), answered)
                    self._tell(changed)
                    if self.closing is not None and self.closing is not Closing.ENDED:
                        return
        except ServiceCallFailed as failure:
            with self.lock:
                self.failure = CheckpointError(failure)
                self.close(Closing.FAILED)
        finally:
            with self.lock:
                self._flushing = None
                if self.closing is None and (self._commits or self._poll_wanted):
                    self._flush_soon()
                self._look_soon()

    async def _checkpoint(self, updates: Sequence[OperationUpdate]) -> list[Operation]:
        self._requests += 1
        token = self._token
        answer: CheckpointAnswer = await self.service.checkpoint(
            self.replay.arn, token, updates, f"{token[-32:]}-{self._requests}"
        )
        new_token = answer.get("CheckpointToken")
        state = answer.get("NewExecutionState") or {}
        operations = list(state.get("Operations") or ())
        if not new_token:
            if not any(update["Type"] == "EXECUTION" for update in updates):
                with self.lock:
                    self.close(Closing.REVOKED)
            return operations
        self._token = new_token
        marker = state.get("NextMarker")
        while marker:
            page = await self.service.state(self.replay.arn, new_token, marker, PAGE_ITEMS)
            operations.extend(page.get("Operations") or ())
            marker = page.get("NextMarker")
        return operations

    def _tell(self, changed: Sequence[str]) -> None:
        """(lock) Wake who waits for these operations, and whose updates have been sent."""
        for operation_id in changed:
            parked = self._parked.get(operation_id)
            if not parked:
                continue
            now = self.replay.operations[operation_id]
            staying = [one for one in parked if one.park.seen["Status"] == now["Status"]]
            for one in parked:
                if one not in staying:
                    self.running += 1
                    one.waiter.resolve()
            if staying:
                self._parked[operation_id] = staying
            else:
                del self._parked[operation_id]
        while self._commits and self._commits[0][0] <= self.replay.kept:
            self._commits.popleft()[1].resolve()

    # -- waiting ---------------------------------------------------------------------------------

    def park(self, park: Park, waiter: Waiter) -> None:
        """(lock) Resolve `waiter` when the operation has changed; its strand does not run then."""
        park.place.scope.check_open()
        if self.closing is not None:
            raise SuspendExecution(self.closing.value)
        now = self.replay.operations.get(park.place.id)
        if now is not None and now["Status"] != park.seen["Status"]:
            waiter.resolve()
            return
        self._parked.setdefault(park.place.id, []).append(_Parked(park, waiter))
        self.rest()

    def unpark(self, park: Park, waiter: Waiter) -> None:
        """(lock) The strand was cancelled while it waited; it runs again."""
        parked = self._parked.get(park.place.id, [])
        for one in parked:
            if one.waiter is waiter:
                parked.remove(one)
                self.running += 1
                break
        if not parked:
            self._parked.pop(park.place.id, None)

    def join(self, crew: Crew, waiter: Waiter) -> None:
        """(lock) Resolve `waiter` when a branch of the crew has ended; see `park`."""
        if self.closing is not None:
            raise SuspendExecution(self.closing.value)
        if crew.ended:
            waiter.resolve()
            return
        self._joining[crew] = waiter
        self.rest()

    def unjoin(self, crew: Crew) -> None:
        """(lock) See `unpark`."""
        if self._joining.pop(crew, None) is not None:
            self.running += 1

    def ended(self, crew: Crew, index: int, value: Any, error: BaseException | None) -> None:
        """(lock) A branch has ended."""
        crew.open.pop(index, None)
        crew.ended.append((index, value, error))
        waiter = self._joining.pop(crew, None)
        if waiter is not None:
            self.running += 1
            waiter.resolve()

    def dismiss(self, crew: Crew) -> None:
        """(lock) Unwind what is parked below a context that is closed now; cancel its tasks."""
        for branch in crew.open.values():
            if branch.cancel is not None:
                self.on_loop(branch.cancel)
        for parked in list(self._parked.values()):
            for one in list(parked):
                try:
                    one.park.place.scope.check_open()
                except OrphanedChildException as orphaned:
                    self.unpark(one.park, one.waiter)
                    one.waiter.resolve(orphaned)

    # -- the end ---------------------------------------------------------------------------------

    def rest(self) -> None:
        """(lock) One strand less runs."""
        self.running -= 1
        self._look_soon()

    def _look_soon(self) -> None:
        if self._parked and not self._settling and self.closing is None:
            self._settling = True
            hops = _HOPS if len(self.tasks) > 1 else 0
            self.on_loop(lambda: self.loop.call_soon(self._look, hops))

    def _look(self, hops: int) -> None:
        """Suspend if nothing can run; ask the service if something is due meanwhile."""
        if hops:
            # Tasks that have been woken run first, and those that wait for them.
            self.loop.call_soon(self._look, hops - 1)
            return
        with self.lock:
            self._settling = False
            if self.closing is not None or not self._parked:
                return
            if self.running > 0:
                self._poll_when_due()
                return
            if self._flushing is not None:
                return
            if self.replay.outbox:
                self._commits.append((self.replay.queued, _NOBODY))
                self._flush_soon()
                return
            if are_blocked(self.tasks, self.loop):
                self.close(Closing.SUSPENDED)
                return
            self._poll_when_due()
            self._settling = True
            self.loop.call_later(_RECHECK_SECONDS, self._look, 0)

    def _poll_when_due(self) -> None:
        """(lock) Have a checkpoint made when the first of the parked operations is due."""
        dues = [one.park.due for parked in self._parked.values() for one in parked if one.park.due]
        if not dues or self._poll_timer is not None:
            return
        delay = max(min(dues) - clock.epoch_seconds(), 0.0)
        self._poll_timer = self.loop.call_later(delay, self._poll)

    def _poll(self) -> None:
        with self.lock:
            self._poll_timer = None
            if self.closing is not None or not self._parked:
                return
            self._poll_wanted = True
            self._flush_soon()
            # If it is not done yet, the service's clock is behind: the next look is later.
            self._poll_timer = self.loop.call_later(_POLL_SECONDS, self._forget_poll)

    def _forget_poll(self) -> None:
        with self.lock:
            self._poll_timer = None
            self._look_soon()

    def close(self, closing: Closing) -> None:
        """(lock) Unwind everything: threads by SuspendExecution, tasks by cancellation."""
        if self.closing is not None and self.closing is not Closing.ENDED:
            return
        self.closing = closing
        if self._poll_timer is not None:
            self._poll_timer.cancel()
        error = SuspendExecution(closing.value)
        waiters = [one.waiter for parked in self._parked.values() for one in parked]
        waiters += self._joining.values()
        self.running += len(waiters)
        if closing is not Closing.ENDED:
            waiters += [waiter for _, waiter in self._commits]
            self._commits.clear()
        self._parked.clear()
        self._joining.clear()
        for waiter in waiters:
            waiter.resolve(error)
        self.on_loop(self._cancel_tasks)

    def _cancel_tasks(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    def run_in_thread(self, work: Callable[[], None]) -> None:
        """Run code of this invocation in a thread; it must not raise."""
        with self.lock:
            self._threads += 1
            self.running += 1

        def run() -> None:
            ident = threading.get_ident()
            self.threads.add(ident)
            work()
            with self.lock:
                self.threads.discard(ident)
                self._threads -= 1
                self.rest()
                if self._threads == 0 and self._all_threads_left is not None:
                    self.on_loop(self._tell_all_left)

        THREADS.run(run)

    def _tell_all_left(self) -> None:
        if self._all_threads_left is not None and not self._all_threads_left.done():
            self._all_threads_left.set_result(None)

    async def drain(self) -> None:
        """Wait until no thread and no task of this invocation is left, and nothing is unsent."""
        with self.lock:
            if self._threads:
                self._all_threads_left = self.loop.create_future()
        if self._all_threads_left is not None:
            await self._all_threads_left
        while left := [task for task in self.tasks if not task.done()]:
            await asyncio.wait(left)
        await self._last_flush()
        with self.lock:
            unsent = self.replay.outbox and self.failure is None
            if unsent and self.closing is not Closing.REVOKED:
                self._commits.append((self.replay.queued, _NOBODY))
                self._flush_soon()
        await self._last_flush()

    async def _last_flush(self) -> None:
        while self._flushing is not None:
            await asyncio.wait([self._flushing])

    async def tell_end(self, update: OperationUpdate) -> None:
        """Checkpoint the execution's end, which is too large for the invocation's answer."""
        try:
            await self._checkpoint([update])
        except ServiceCallFailed as failure:
            self.failure = CheckpointError(failure)


class _Nobody:
    def resolve(self, error: BaseException | None = None) -> None:
        """Nobody waits: the update only has to be sent."""


_NOBODY = _Nobody()
