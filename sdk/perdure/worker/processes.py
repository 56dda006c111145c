"""Starts runtime processes, each with its log."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from perdure.http.connections import ServiceUrl
from perdure.worker.child import Child, running_child
from perdure.worker.invocation import Invocation, Result
from perdure.worker.lambda_proxy import LambdaProxy
from perdure.worker.launch import Launcher
from perdure.worker.log_shipping import LogShipper
from perdure.worker.logging_config import LoggingConfig
from perdure.worker.memory import MemoryWatch
from perdure.worker.plan import ChildPlan
from perdure.worker.process_log import ProcessLog, RuntimeLog, SharedLog
from perdure.worker.shared_child import SharedChild, running_shared_child

Say = Callable[[str, str], None]
"""Takes a function's name, or the agent's, and one line. It must not block."""


class Processes:
    """`logs` and `memory` must be run by somebody."""

    def __init__(
        self,
        launcher: Launcher,
        proxy: LambdaProxy,
        service: ServiceUrl,
        logs: LogShipper,
        memory: MemoryWatch,
        say: Say,
        tasks: asyncio.TaskGroup,
    ) -> None:
        self._launcher = launcher
        self._proxy = proxy
        self._service = service
        self._logs = logs
        self._memory = memory
        self._say = say
        self._tasks = tasks

    @asynccontextmanager
    async def child(self, plan: ChildPlan, folder: Path) -> AsyncIterator[Child]:
        """One of AWS's runtime clients or a bootstrap. Raises CannotStart or OSError."""
        log = RuntimeLog(self._log_of(plan))
        with self._launcher.launch(plan, folder) as launch:
            async with running_child(
                plan, folder, launch, self._proxy, log, self._memory, self._tasks
            ) as child:
                yield child

    @asynccontextmanager
    async def shared_child(
        self, plan: ChildPlan, folder: Path, concurrency: int
    ) -> AsyncIterator[SharedChild]:
        """One of Perdure's SDK, for so many invocations at a time. Raises CannotStart or
        OSError."""
        log = SharedLog(self._log_of(plan))
        with self._launcher.launch(plan, folder) as launch:
            async with running_shared_child(
                plan, folder, launch, concurrency, self._service, log, self._tasks
            ) as child:
                yield child

    def unrun(self, invocation: Invocation, result: Result) -> Result:
        """An invocation that no process ran has a log all the same."""
        name, version = invocation.function_name, invocation.version
        log = RuntimeLog(self._log(name, version, invocation.memory_mb, invocation.logging))
        log.begin(invocation)
        return log.end(result, None)

    def _log_of(self, plan: ChildPlan) -> ProcessLog:
        return self._log(plan.function_name, plan.version, plan.memory_mb, plan.logging)

    def _log(
        self, function_name: str, version: str, memory_mb: int, logging: LoggingConfig
    ) -> ProcessLog:
        def show(line: str) -> None:
            self._say(function_name, line)

        put = self._logs.put
        return ProcessLog(function_name, version, memory_mb, logging, put=put, show=show)
