"""One invocation: who runs, who waits for what, and when nothing can run any more.

The driver lives on an event loop. Programs run in threads and tasks, each under `lock` from one
effect to the next.

`running` counts what is sure to go on by itself: threads that are not parked, step bodies and
commits. When it is zero and the tasks are blocked too, what is left are parked operations, and the
invocation ends: their end makes another one.
"""

from __future__ import annotations

import asyncio
import logging
import math
import threading
from collections.abc import Callable, Coroutine, Sequence
from contextvars import Context, ContextVar, copy_context
from enum import Enum
from typing import Any
from weakref import ref

from perdure import clock
from perdure.core.effects import Crew, Park, Program
from perdure.core.replay import Replay
from perdure.exceptions import InvocationError, OrphanedChildException, SuspendExecution
from perdure.service_api import DurableService
from perdure.shell.checkpoints import Checkpoints
from perdure.shell.idle import are_blocked
from perdure.shell.threads import THREADS
from perdure.shell.waiters import ThreadWaiter, Waiter

_RECHECK_SECONDS = 0.02
"""How often to look whether a handler that waits for something else than operations still does."""
_HOPS = 5
"""Rounds of the event loop until what one task told another has been heard by a third."""
_POLL_SECONDS = 0.25
"""The pause before asking again for an operation that should be due."""
_UNWIND_SECONDS = 5.0
"""How long cancelled tasks may take to end before they are left alone."""

_LOG = logging.getLogger("perdure")

DRIVER: ContextVar[Driver | None] = ContextVar("perdure_driver", default=None)
"""The invocation that a task belongs to, and so the tasks that it makes."""


class Closing(Enum):
    """Why an invocation takes no more operations."""

    SUSPENDED = "nothing can run until an operation ends"
    UNWANTED = "the service wants no more of this invocation"
    FAILED = "a checkpoint failed"
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
        self.loop = loop
        self.lock = threading.RLock()
        self.tasks: set[asyncio.Task[Any]] = set()
        self.not_begun: dict[Program, ref[Coroutine[Any, Any, Any]]] = {}
        """Operations of tasks that nobody has awaited yet."""
        self.threads: set[int] = set()
        """The idents of threads that run code of this invocation."""
        self.running = 0
        self.closing: Closing | None = None
        self.failure: BaseException | None = None
        context = copy_context()
        context.run(DRIVER.set, None)
        self.checkpoints = Checkpoints(service, token, loop, self, self.lock, context)
        self.loop_thread = threading.get_ident()
        self._parked: dict[str, list[_Parked]] = {}
        self._joining: dict[Crew, Waiter] = {}
        self._earliest_due = math.inf
        """Of what is parked, or of what was since the last poll."""
        self._poll_timer: asyncio.TimerHandle | None = None
        self._polled_at = -math.inf
        self._looking = False
        self._threads_left = 0
        self._all_threads_ended: asyncio.Future[None] | None = None

    @property
    def replay(self) -> Replay:
        return self.checkpoints.replay

    @property
    def is_closed(self) -> bool:
        return self.closing is not None

    @property
    def takes_checkpoints(self) -> bool:
        return self.closing in (None, Closing.ENDED, Closing.SUSPENDED)

    @property
    def _is_on_loop(self) -> bool:
        return threading.get_ident() == self.loop_thread

    def on_loop(self, call: Callable[[], object]) -> None:
        """Call it on the event loop's thread: now if this is it."""
        if self._is_on_loop:
            call()
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call)

    def soon_on_loop(self, call: Callable[[], object], context: Context) -> None:
        """Call it there with the next turn: what runs now goes first."""
        if self._is_on_loop:
            self.loop.call_soon(call, context=context)
        elif not self.loop.is_closed():
            self.loop.call_soon_threadsafe(call, context=context)

    # -- waiting ---------------------------------------------------------------------------------

    def commit(self, waiter: Waiter) -> None:
        """(lock) Resolve `waiter`, a task's, when the service has all that is queued now."""
        if self.takes_checkpoints:
            self.checkpoints.request(waiter, at_once=self._runs_alone(tasks=1))
        else:
            waiter.resolve(self._end())

    def commit_here(self) -> None:
        """Block this thread until the service has all that is queued now."""
        waiter = ThreadWaiter()
        checkpoint = None
        with self.lock:
            if not self.takes_checkpoints:
                raise self._end()
            # Threads of several invocations hinder each other: the loop is faster then.
            if self._runs_alone(tasks=0) and THREADS.busy == 1:
                checkpoint = self.checkpoints.request_here(waiter)
            else:
                self.checkpoints.request(waiter)
        if checkpoint is not None:
            self.checkpoints.send_here(checkpoint)
        waiter.wait()

    def _runs_alone(self, *, tasks: int) -> bool:
        """(lock) Whether nothing can be queued beside what commits: a thread, or one of `tasks`."""
        return self.running == 1 and len(self.tasks) == tasks

    def park(self, park: Park, waiter: Waiter) -> None:
        """(lock) Resolve `waiter` when the operation has changed; its strand does not run then."""
        park.place.scope.check_open()
        if self.closing is not None:
            raise self._end()
        now = self.replay.operations.get(park.place.id)
        if now is not None and now["Status"] != park.seen["Status"]:
            waiter.resolve()
            return
        self._parked.setdefault(park.place.id, []).append(_Parked(park, waiter))
        if park.due is not None:
            self._earliest_due = min(self._earliest_due, park.due)
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
            raise self._end()
        if crew.ended:
            waiter.resolve()
            return
        self._joining[crew] = waiter
        self.rest()

    def unjoin(self, crew: Crew) -> None:
        """(lock) See `unpark`."""
        if self._joining.pop(crew, None) is not None:
            self.running += 1

    def rest(self) -> None:
        """(lock) One strand less runs."""
        self.running -= 1
        self.look_soon()

    def hear(self, changed: Sequence[str]) -> None:
        """(lock) Wake who waits for these operations, if they stand otherwise than before."""
        for operation_id in changed:
            parked = self._parked.get(operation_id)
            if not parked:
                continue
            status = self.replay.operations[operation_id]["Status"]
            woken = [one for one in parked if one.park.seen["Status"] != status]
            for one in woken:
                self.unpark(one.park, one.waiter)
                one.waiter.resolve()
        if self._earliest_due <= clock.epoch_seconds():
            self._forget_dues()
            self.look_soon()

    def branch_ended(self, crew: Crew, index: int, value: Any, error: BaseException | None) -> None:
        """(lock) Tell who waits for the crew."""
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

    # -- when nothing can run --------------------------------------------------------------------

    def look_soon(self) -> None:
        """(lock) Something has come to rest: it may have been the last."""
        if self._parked and not self._looking and self.closing is None:
            self._looking = True
            hops = _HOPS if len(self.tasks) > 1 else 0
            self.on_loop(lambda: self.loop.call_soon(self._look, hops))

    def _look(self, hops: int) -> None:
        """Suspend if nothing can run; ask the service if something is due meanwhile."""
        if hops:
            # Tasks that have been woken run first, and those that wait for them.
            self.loop.call_soon(self._look, hops - 1)
            return
        with self.lock:
            self._looking = False
            if self.closing is not None or not self._parked:
                return
            if self.running > 0:
                self._poll_when_due()
            elif self.checkpoints.in_flight:
                return
            elif self.replay.outbox:
                self.checkpoints.request(None)
            elif are_blocked(self.tasks, self.loop):
                self.close(Closing.SUSPENDED)
            else:
                self._poll_when_due()
                self._looking = True
                self.loop.call_later(_RECHECK_SECONDS, self._look, 0)

    def _poll_when_due(self) -> None:
        """(lock) Have a checkpoint made when the first of the parked operations is due."""
        if self._earliest_due == math.inf:
            return
        at = self.loop.time() + self._earliest_due - clock.epoch_seconds()
        # What is not done then is due by a clock of the service's that is behind ours.
        at = max(at, self._polled_at + _POLL_SECONDS)
        if self._poll_timer is not None:
            if self._poll_timer.when() <= at:
                return
            self._poll_timer.cancel()
        self._poll_timer = self.loop.call_at(at, self._poll)

    def _poll(self) -> None:
        with self.lock:
            self._poll_timer = None
            if self.closing is None and self._parked:
                self._polled_at = self.loop.time()
                self.checkpoints.poll()

    def _forget_dues(self) -> None:
        """(lock) After a poll: what is due next, of what is still parked."""
        parked = (one for those in self._parked.values() for one in those)
        self._earliest_due = min((one.park.due or math.inf for one in parked), default=math.inf)

    # -- threads ---------------------------------------------------------------------------------

    def run_in_thread(self, work: Callable[[], None]) -> None:
        """Run code of this invocation in a thread; it must not raise.

        Raises InvocationError if there cannot be one more: another invocation may have room.
        """
        with self.lock:
            self._threads_left += 1
            self.running += 1

        def run() -> None:
            ident = threading.get_ident()
            self.threads.add(ident)
            work()
            with self.lock:
                self.threads.discard(ident)
                self._threads_left -= 1
                self.rest()
                if self._threads_left == 0 and self._all_threads_ended is not None:
                    self.on_loop(self._tell_threads_ended)

        try:
            THREADS.run(run)
        except RuntimeError as error:
            with self.lock:
                self._threads_left -= 1
                self.running -= 1
                beside = self._threads_left
            raise InvocationError(
                f"There is no thread to be had ({error}), beside {beside} of this invocation's. "
                "Give its maps and parallels a `max_concurrency`, or the worker a lower "
                "--concurrency."
            ) from error

    def _tell_threads_ended(self) -> None:
        if self._all_threads_ended is not None and not self._all_threads_ended.done():
            self._all_threads_ended.set_result(None)

    # -- the end ---------------------------------------------------------------------------------

    def end_unwanted(self) -> None:
        """(lock) See Listener. The handler's result cannot be told any more, if there is one."""
        self.close(Closing.UNWANTED)

    def end_failed(self, failure: Exception) -> None:
        """(lock) See Listener."""
        self.failure = failure
        self.close(Closing.FAILED)

    def end_by(self, leaving: BaseException) -> None:
        """(lock) An operation raised what ends a process: it ends this invocation."""
        self.failure = leaving
        self.close(Closing.ENDED)

    def close(self, closing: Closing) -> None:
        """(lock) Unwind everything: threads by SuspendExecution, tasks by cancellation."""
        if self.closing not in (None, Closing.ENDED):
            return
        self.closing = closing
        if self._poll_timer is not None:
            self._poll_timer.cancel()
        waiters = [one.waiter for parked in self._parked.values() for one in parked]
        waiters += self._joining.values()
        self.running += len(waiters)
        self._parked.clear()
        self._joining.clear()
        for waiter in waiters:
            waiter.resolve(self._end())
        if not self.takes_checkpoints:
            self.checkpoints.give_up(self._end())
        self.on_loop(self._cancel_tasks)

    def _end(self) -> SuspendExecution:
        assert self.closing is not None
        return SuspendExecution(self.closing.value)

    def _cancel_tasks(self) -> None:
        for task in list(self.tasks):
            task.cancel()

    async def drain(self) -> None:
        """Wait until no thread and no task of this invocation is left, and nothing is unsent.

        A thread is waited for as long as it takes: it cannot be stopped, and what it does must not
        meet the next invocation. A task that withstands its cancellation is left alone.
        """
        with self.lock:
            if self._threads_left:
                self._all_threads_ended = self.loop.create_future()
        if self._all_threads_ended is not None:
            await self._all_threads_ended
        left = {task for task in self.tasks if not task.done()}
        if left:
            _, left = await asyncio.wait(left, timeout=_UNWIND_SECONDS)
            for task in left:
                _LOG.warning("A task of the handler withstands its cancellation: %r", task)
        self._forget_not_begun()
        await self.checkpoints.drain()

    def _forget_not_begun(self) -> None:
        """Python warns of a coroutine that is never awaited: rightly if the handler has ended, and
        not if it was cut short on its way there."""
        if self.closing is not Closing.ENDED:
            for coroutine in [known() for known in self.not_begun.values()]:
                if coroutine is not None:
                    coroutine.close()
        self.not_begun.clear()
