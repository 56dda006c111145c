"""Branches of a batch: asynchronous ones are tasks, others have a thread."""

from __future__ import annotations

import asyncio
from contextvars import copy_context
from typing import Any

from perdure.core.effects import Branch, Call, Crew
from perdure.exceptions import OrphanedChildException
from perdure.shell.driver import DRIVER, Driver
from perdure.shell.kinds import is_async
from perdure.shell.strands import ThreadShell
from perdure.shell.tasks import TaskShell


class Shells:
    """The two shells of an invocation, and what begins branches in either."""

    __slots__ = ("_branch_tasks", "driver", "tasks", "threads")

    def __init__(self, driver: Driver) -> None:
        self.driver = driver
        self.tasks = TaskShell(driver, self.spawn)
        self.threads = ThreadShell(driver, self.spawn)

    def spawn(self, crew: Crew, branch: Branch) -> None:
        """Go on with the branch from its first effect."""
        driver = self.driver
        effect = branch.effect
        crew.open[branch.index] = branch
        if isinstance(effect, Call) and is_async(effect.func):
            context = copy_context()
            context.run(DRIVER.set, driver)
            coroutine = self._run_task(crew, branch)

            def begin() -> None:
                task = driver.loop.create_task(coroutine, context=context)
                driver.tasks.add(task)
                task.add_done_callback(driver.tasks.discard)
                branch.cancel = task.cancel
                with driver.lock:
                    driver.rest()

            with driver.lock:
                driver.running += 1
            driver.on_loop(begin)
        else:
            variables = copy_context()
            driver.run_in_thread(lambda: variables.run(self._run_thread, crew, branch))

    async def _run_task(self, crew: Crew, branch: Branch) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = await self.tasks.run(branch.program, branch.effect)
        except asyncio.CancelledError:
            error = OrphanedChildException("the branch was cancelled")
        except BaseException as raised:
            error = raised
        with self.driver.lock:
            self.driver.branch_ended(crew, branch.index, value, error)

    def _run_thread(self, crew: Crew, branch: Branch) -> None:
        value: Any = None
        error: BaseException | None = None
        try:
            value = self.threads.run(branch.program, branch.effect)
        except BaseException as raised:
            error = raised
        with self.driver.lock:
            self.driver.branch_ended(crew, branch.index, value, error)
