"""Invocations of one function, side by side: a task for each, its result, its timeout."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
from collections.abc import Callable, Mapping
from typing import Any

from perdure.compact import compact_json
from perdure.execution import DurableFunction
from perdure.in_process.errors import error_body, error_json
from perdure.in_process.lambda_context import lambda_context
from perdure.in_process.output import CURRENT
from perdure.in_process.watchdog import Watchdog
from perdure.service_api import DurableService
from perdure.shell.failures import log_failure
from perdure.worker.invocation import Outcome
from perdure.worker.process_end import how_it_ended

Report = Callable[[str, Outcome, bytes], None]
"""Takes an invocation's id, how it ended and its result."""


class Runner:
    """`report` hears the end of each invocation, once. A thread cannot be ended from outside: when
    `most_hung` plain handlers have passed their timeouts, `worn` is told that the process wants to
    be replaced. Make it on the loop that runs the invocations."""

    def __init__(
        self,
        function: DurableFunction,
        service: DurableService,
        report: Report,
        watchdog: Watchdog,
        *,
        most_hung: int,
        worn: Callable[[str], None],
    ) -> None:
        self._function = function
        self._most_hung = most_hung
        self._worn = worn
        self._hung = 0
        self._service = service
        self._report = report
        self._watchdog = watchdog
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, run: Mapping[str, Any], payload: bytes) -> None:
        """Run what a Run message says."""
        task = asyncio.get_running_loop().create_task(self._run(run, payload))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, run: Mapping[str, Any], payload: bytes) -> None:
        id_: str = run["InvocationId"]
        CURRENT.set(id_)  # of this task's own context
        self._watchdog.begin()
        try:
            outcome, body = await self._outcome(run, payload)
        finally:
            self._watchdog.end()
        self._report(id_, outcome, body)
        if outcome is Outcome.TIMEOUT and not self._function.is_async:
            self._hung += 1
            if self._hung == self._most_hung:
                self._worn(f"{self._hung} plain handlers have passed their timeouts")

    async def _outcome(self, run: Mapping[str, Any], payload: bytes) -> tuple[Outcome, bytes]:
        seconds: float = run["TimeoutSeconds"]
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                output = await self._function.invoke(
                    json.loads(payload), self._service, lambda_context(run)
                )
            return Outcome.RETURNED, compact_json(output).encode()
        except TimeoutError as error:
            if limit.expired():
                text = f"Task timed out after {seconds:.2f} seconds"
                text = f"RequestId: {run['InvocationId']} Error: {text}"
                return Outcome.TIMEOUT, error_json("Sandbox.Timedout", text)
            return Outcome.ERROR, error_body(error)
        except (Exception, asyncio.CancelledError) as error:
            return Outcome.ERROR, error_body(error)
        except BaseException as error:
            # As in a process of its own, which it would end; its neighbours go on.
            log_failure(logging.ERROR, "The handler ended its process", error)
            text = f"Runtime {how_it_ended(_exit_status(error))}"
            text = f"RequestId: {run['InvocationId']} Error: {text}"
            return Outcome.EXIT, error_json("Runtime.ExitError", text)


def _exit_status(error: BaseException) -> int:
    """What Python makes of an exception that nobody catches."""
    match error:
        case KeyboardInterrupt():
            return -signal.SIGINT
        case SystemExit(code=int(status)):
            return status & 0xFF
        case SystemExit(code=None):
            return 0
        case _:
            return 1
