"""The log of a process that runs many invocations: each line with its own invocation's."""

from __future__ import annotations

import asyncio

from perdure.worker.invocation import Invocation, InvocationId, Result
from perdure.worker.log_shipping import LogOrigin
from perdure.worker.logging_config import LoggingConfig
from perdure.worker.runtime_log import InvocationLog, PeakMemory, Print, Put


class SharedLog:
    """`put` ships a line, `show` prints one. `begin` and `end` enclose an invocation."""

    def __init__(
        self,
        function_name: str,
        version: str,
        memory_mb: int,
        logging: LoggingConfig,
        *,
        put: Put,
        show: Print,
    ) -> None:
        self._memory_mb = memory_mb
        self._logging = logging
        self._put = put
        self._show = show
        self.group = logging.group_of(function_name)
        self.stream = logging.stream_of(function_name, version)
        self._origin = LogOrigin(self.group, self.stream)
        self._running: dict[InvocationId, InvocationLog] = {}
        self._now = asyncio.get_running_loop().time
        self._created_at = self._now()
        self._init_ms: float | None = None

    def ready(self) -> None:
        """The process has loaded the handler."""
        self._init_ms = (self._now() - self._created_at) * 1000

    def write(self, at_ms: int, text: str) -> None:
        """A message of the process, of no invocation that is known."""
        self._print(text)
        self._put(self._origin, at_ms, text)

    def wrote(self, invocation_id: InvocationId, at_ms: int, text: str) -> None:
        """A message of an invocation; of one that has ended, it counts as the process'."""
        log = self._running.get(invocation_id)
        if log is None:
            self.write(at_ms, text)
        else:
            self._print(text)
            log.keep(at_ms, text)

    def begin(self, invocation: Invocation) -> None:
        origin = LogOrigin(self.group, self.stream, invocation.id, invocation.execution_id)
        self._running[invocation.id] = InvocationLog(
            invocation, origin, self._logging, self._memory_mb, self._put
        )

    def end(self, invocation_id: InvocationId, result: Result, memory: PeakMemory | None) -> Result:
        """`result`, with the tail of the log if the caller asked for it."""
        init_ms, self._init_ms = self._init_ms, None
        return self._running.pop(invocation_id).end(result, memory, init_ms)

    def _print(self, text: str) -> None:
        for line in text.split("\n"):
            self._show(line)
