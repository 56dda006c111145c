"""Programs in threads."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextvars import copy_context
from typing import Any

from perdure.core.effects import (
    Branch,
    Call,
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
from perdure.shell.driver import Driver
from perdure.shell.failures import log_failure
from perdure.shell.kinds import is_async
from perdure.shell.waiters import ThreadWaiter


class ThreadShell:
    """Runs programs for the threads of one invocation."""

    __slots__ = ("driver", "spawn")

    def __init__(self, driver: Driver, spawn: Callable[[Crew, Branch], None]) -> None:
        self.driver = driver
        self.spawn = spawn

    def run(self, program: Program, effect: Effect | None = None) -> Any:
        """What the program returns; `effect` is its first one, if it has begun."""
        driver = self.driver
        lock = driver.lock
        try:
            if driver.closing is not None:
                program.close()
                raise SuspendExecution(driver.closing.value)
            if effect is None:
                with lock:
                    effect = program.send(None)
            while True:
                try:
                    value = self._perform(effect)
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

    def _perform(self, effect: Effect) -> Any:
        driver = self.driver
        match effect:
            case Call():
                return self._call(effect)
            case Commit():
                driver.commit_here()
            case Park():
                waiter = ThreadWaiter()
                with driver.lock:
                    driver.park(effect, waiter)
                waiter.wait()
            case Join():
                waiter = ThreadWaiter()
                with driver.lock:
                    driver.join(effect.crew, waiter)
                waiter.wait()
            case Spawn():
                self.spawn(effect.crew, effect.branch)
            case Dismiss():
                with driver.lock:
                    driver.dismiss(effect.crew)
        return None

    def _call(self, call: Call) -> Any:
        if call.quick:
            return call.func(*call.args)
        is_body = isinstance(call.inside, Place)
        if is_body:
            with self.driver.lock:
                self.driver.checkpoints.send_soon()
        inside = INSIDE.set(call.inside)
        try:
            if is_async(call.func):
                return self._on_loop(call, is_body)
            return call.func(*call.args)
        except Exception as error:
            if is_body:
                log_failure(logging.WARNING, f"{call.inside} raised", error)
            raise
        finally:
            INSIDE.reset(inside)

    def _on_loop(self, call: Call, is_body: bool) -> Any:
        """The value of an asynchronous function; of a step's, it runs in place of this thread."""
        driver = self.driver
        waiter = ThreadWaiter()
        outcome: list[Any] = []
        context = copy_context()

        def resume(error: BaseException | None) -> None:
            with driver.lock:
                if not is_body:
                    driver.running += 1
                waiter.resolve(error)

        async def work() -> None:
            error: BaseException | None = None
            try:
                outcome.append(await call.func(*call.args))
            except BaseException as raised:
                error = raised
            resume(error)

        def ended(task: asyncio.Task[None]) -> None:
            driver.tasks.discard(task)
            if task.cancelled():
                # Before `work` had begun: it lets nothing pass.
                resume(asyncio.CancelledError())

        def begin() -> None:
            driver.tasks.add(task := driver.loop.create_task(work(), context=context))
            task.add_done_callback(ended)
            if not is_body:
                with driver.lock:
                    driver.rest()

        driver.on_loop(begin)
        waiter.wait()
        return outcome[0]
