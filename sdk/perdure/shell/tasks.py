"""Programs on the event loop."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from contextvars import Context, copy_context
from typing import Any

from perdure.core.effects import (
    Branch,
    Call,
    Cancelled,
    Commit,
    Crew,
    Dismiss,
    Effect,
    Join,
    Park,
    Program,
    Spawn,
)
from perdure.core.scope import INSIDE, Place
from perdure.exceptions import SuspendExecution
from perdure.shell.driver import DRIVER, Closing, Driver
from perdure.shell.failures import log_failure
from perdure.shell.kinds import is_async
from perdure.shell.waiters import TaskWaiter


class TaskShell:
    """Runs programs for the tasks of one invocation."""

    __slots__ = ("driver", "spawn")

    def __init__(self, driver: Driver, spawn: Callable[[Crew, Branch], None]) -> None:
        self.driver = driver
        self.spawn = spawn

    async def run(self, program: Program, effect: Effect | None = None) -> Any:
        """What the program returns; `effect` is its first one, if it has begun."""
        driver = self.driver
        lock = driver.lock
        cancelled: asyncio.CancelledError | None = None
        driver.not_begun.pop(program, None)
        try:
            if driver.closing is not None:
                program.close()
                raise SuspendExecution(driver.closing.value)
            if effect is None:
                with lock:
                    effect = program.send(None)
            while True:
                try:
                    value = await self._perform(effect)
                except asyncio.CancelledError as error:
                    if driver.is_closed:
                        program.close()
                        raise
                    cancelled = error
                    with lock:
                        effect = program.throw(Cancelled())
                except SuspendExecution:
                    program.close()
                    raise
                except BaseException as error:
                    with lock:
                        effect = program.throw(error)
                else:
                    with lock:
                        effect = program.send(value)
        except StopIteration as done:
            return done.value
        except (SystemExit, KeyboardInterrupt) as error:
            # A task that raises it stops the loop, for all on it.
            with lock:
                driver.end_by(error)
            raise SuspendExecution(Closing.ENDED.value) from error
        except Cancelled:
            # At once, or after effects of the program's own: a batch dismisses its branches first.
            assert cancelled is not None
            raise cancelled from None

    async def _perform(self, effect: Effect) -> Any:
        driver = self.driver
        match effect:
            case Call():
                return await self._call(effect)
            case Commit():
                return await self._commit()
            case Park():
                await self._sleep(
                    lambda waiter: driver.park(effect, waiter),
                    lambda waiter: driver.unpark(effect, waiter),
                )
            case Join():
                await self._sleep(
                    lambda waiter: driver.join(effect.crew, waiter),
                    lambda _: driver.unjoin(effect.crew),
                )
            case Spawn():
                self.spawn(effect.crew, effect.branch)
            case Dismiss():
                with driver.lock:
                    driver.dismiss(effect.crew)
        return None

    async def _sleep(
        self, begin: Callable[[TaskWaiter], None], give_up: Callable[[TaskWaiter], None]
    ) -> None:
        """Wait as `begin` arranges it; `give_up` if the task is cancelled."""
        driver = self.driver
        waiter = TaskWaiter(driver.loop, driver.loop_thread)
        with driver.lock:
            driver.running += 1
            try:
                begin(waiter)
            except BaseException:
                driver.rest()
                raise
        try:
            await waiter.future
        except asyncio.CancelledError:
            with driver.lock:
                give_up(waiter)
            raise
        finally:
            with driver.lock:
                driver.rest()

    async def _commit(self) -> None:
        """Cannot be cut short: what is queued is sent, and then the cancellation goes on."""
        driver = self.driver
        cancelled: asyncio.CancelledError | None = None
        with driver.lock:
            driver.running += 1
        try:
            while True:
                waiter = TaskWaiter(driver.loop, driver.loop_thread)
                with driver.lock:
                    driver.commit(waiter)
                try:
                    await waiter.future
                    break
                except asyncio.CancelledError as error:
                    if driver.is_closed:
                        raise
                    cancelled = error
        finally:
            with driver.lock:
                driver.rest()
        if cancelled is not None:
            raise cancelled

    async def _call(self, call: Call) -> Any:
        driver = self.driver
        if call.quick:
            return call.func(*call.args)
        is_body = isinstance(call.inside, Place)
        if is_body:
            with driver.lock:
                driver.running += 1
                driver.checkpoints.send_soon()
        inside = INSIDE.set(call.inside)
        try:
            if is_async(call.func):
                return await call.func(*call.args)
            value = await self._in_thread(call)
            return await value if asyncio.iscoroutine(value) else value
        except Exception as error:
            if is_body:
                log_failure(logging.WARNING, f"{call.inside} raised", error)
            raise
        finally:
            INSIDE.reset(inside)
            if is_body:
                with driver.lock:
                    driver.rest()

    async def _in_thread(self, call: Call) -> Any:
        """The value of a function that may block, and that may be given a context for threads."""
        driver = self.driver
        waiter = TaskWaiter(driver.loop, driver.loop_thread)
        outcome: list[Any] = []
        context = copy_context()

        def work() -> None:
            error: BaseException | None = None
            try:
                outcome.append(context.run(call.func, *call.args))
            except BaseException as raised:
                error = raised
            waiter.resolve(error)

        driver.run_in_thread(work)
        await waiter.future
        return outcome[0]


def install_task_factory(loop: asyncio.AbstractEventLoop) -> None:
    """Have tasks that a handler makes known to its driver. Does nothing the second time."""
    made_before: Any = loop.get_task_factory()
    if getattr(made_before, "_perdure", False):
        return

    def factory(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        if made_before is None:
            task = asyncio.Task(coro, loop=loop, **options)
        else:
            task = made_before(loop, coro, **options)
        driver = DRIVER.get()
        context: Context | None = options.get("context")
        if context is not None:
            # What we make while a task of the handler runs says that it is none of them.
            driver = context.get(DRIVER, driver)
        if driver is not None and driver.loop is loop:
            driver.tasks.add(task)
            task.add_done_callback(driver.tasks.discard)
        return task

    marked: Any = factory
    marked._perdure = True
    loop.set_task_factory(marked)
