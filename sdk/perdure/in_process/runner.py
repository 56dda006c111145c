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
from perdure.in_process.errors import error_body
from perdure.in_process.lambda_context import lambda_context
from perdure.in_process.output import CURRENT
from perdure.in_process.watchdog import Watchdog
from perdure.service_api import DurableService
from perdure.shell.failures import log_failure
from perdure.worker.invocation import (
    EXIT_ERROR,
    TIMED_OUT,
    InvocationId,
    Outcome,
    Result,
    ended_early,
    how_it_ended,
    timed_out_text,
)

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
        id_ = InvocationId(run["InvocationId"])
        CURRENT.set(id_)  # of this task's own context
        self._watchdog.begin()
        try:
            result = await self._result(id_, run, payload)
        finally:
            self._watchdog.end()
        self._report(id_, result.outcome, result.body)
        if result.outcome is Outcome.TIMEOUT and not self._function.is_async:
            self._hung += 1
            if self._hung == self._most_hung:
                self._worn(f"{self._hung} plain handlers have passed their timeouts")

    async def _result(self, id_: InvocationId, run: Mapping[str, Any], payload: bytes) -> Result:
        seconds: float = run["TimeoutSeconds"]
        limit = asyncio.timeout(seconds)
        try:
            async with limit:
                output = await self._function.invoke(
                    json.loads(payload), self._service, lambda_context(run)
                )
            return Result(Outcome.RETURNED, compact_json(output).encode())
        except TimeoutError as error:
            if limit.expired():
                return ended_early(id_, Outcome.TIMEOUT, TIMED_OUT, timed_out_text(seconds))
            return Result(Outcome.ERROR, error_body(error))
        except (Exception, asyncio.CancelledError) as error:
            return Result(Outcome.ERROR, error_body(error))
        except BaseException as error:
            # As in a process of its own, which it would end; its neighbours go on.
            log_failure(logging.ERROR, "The handler ended its process", error)
            reason = f"Runtime {how_it_ended(_exit_status(error))}"
            return ended_early(id_, Outcome.EXIT, EXIT_ERROR, reason)


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
