"""The log of one runtime process: whose invocation's each message is.

Everything goes two ways: to people who watch the worker, as the function wrote it, and to the
service, with START, END and REPORT.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from perdure.worker.invocation import Invocation, InvocationId, Result
from perdure.worker.invocation_log import InvocationLog, Put
from perdure.worker.log_shipping import LogOrigin
from perdure.worker.logging_config import LoggingConfig
from perdure.worker.peak_memory import PeakMemory

Print = Callable[[str], None]


class ProcessLog:
    """`put` ships a line, `show` prints one. The process is of one version of a function, which is
    logged as `logging` says: with another configuration it would be another process."""

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
        self._now = asyncio.get_running_loop().time
        self._created_at = self._now()
        self._is_ready = False
        self._init_ms: float | None = None

    def ready(self) -> None:
        """The process has loaded the handler. Later calls change nothing."""
        if not self._is_ready:
            self._is_ready = True
            self._init_ms = (self._now() - self._created_at) * 1000

    def write(self, at_ms: int, text: str, of: InvocationLog | None = None) -> None:
        """A message of the process: of an invocation, or of none that is known."""
        for line in text.split("\n"):
            self._show(line)
        if of is None:
            self._put(self._origin, at_ms, text)
        else:
            of.keep(at_ms, text)

    def begin(self, invocation: Invocation) -> InvocationLog:
        origin = LogOrigin(self.group, self.stream, invocation.id, invocation.execution_id)
        return InvocationLog(invocation, origin, self._logging, self._memory_mb, self._put)

    def end(self, log: InvocationLog, result: Result, memory: PeakMemory | None) -> Result:
        """`result`, with the tail of the log if the caller asked for it. How long the start took is
        told of the first invocation only: it waited for it."""
        init_ms, self._init_ms = self._init_ms, None
        return log.end(result, memory, init_ms)


class RuntimeLog:
    """Of a process that runs one invocation at a time. `begin` and `end` enclose each."""

    def __init__(self, process: ProcessLog) -> None:
        self.process = process
        self._running: InvocationLog | None = None

    def write(self, at_ms: int, text: str) -> None:
        """A message that the process wrote."""
        self.process.write(at_ms, text, self._running)

    def begin(self, invocation: Invocation) -> None:
        self._running = self.process.begin(invocation)

    def end(self, result: Result, memory: PeakMemory | None) -> Result:
        """What the process writes from now on is still counted to this invocation, until the next
        begins."""
        assert self._running is not None
        return self.process.end(self._running, result, memory)


class SharedLog:
    """Of a process that runs many. `begin` and `end` enclose each of them."""

    def __init__(self, process: ProcessLog) -> None:
        self.process = process
        self._running: dict[InvocationId, InvocationLog] = {}

    def wrote(self, invocation_id: InvocationId, at_ms: int, text: str) -> None:
        """A message of an invocation; of one that has ended, it counts as the process'."""
        self.process.write(at_ms, text, self._running.get(invocation_id))

    def begin(self, invocation: Invocation) -> None:
        self._running[invocation.id] = self.process.begin(invocation)

    def end(self, invocation_id: InvocationId, result: Result, memory: PeakMemory | None) -> Result:
        return self.process.end(self._running.pop(invocation_id), result, memory)
