"""The log of one runtime process: whose invocation's each message is, with Lambda's own lines
around them.

Everything goes two ways: to people who watch the worker, as the function wrote it, and to the
service, with START, END and REPORT.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import replace

from perdure.worker.clock import epoch_milliseconds
from perdure.worker.invocation import Invocation, Result
from perdure.worker.log_shipping import LogOrigin
from perdure.worker.logging_config import LoggingConfig
from perdure.worker.platform_lines import (
    Usage,
    end_text,
    failure_json,
    failure_text,
    is_failure,
    report_json,
    report_text,
    start_json,
    start_text,
)

TAIL_BYTES = 4096
"""What the caller of a synchronous Invoke may ask for."""

_PEAK = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)
_STATUS_BYTES = 4096

Put = Callable[[LogOrigin, int, str], None]
Print = Callable[[str], None]


class PeakMemory:
    """The most memory that a process has had, in megabytes; what it starts itself does not
    count. 0 where the system does not tell."""

    def __init__(self, pid: int) -> None:
        self.megabytes = 0
        try:
            self._status = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._status = -1

    def measure(self) -> None:
        """Look again; what was seen stays when the process is gone."""
        try:
            found = _PEAK.search(os.pread(self._status, _STATUS_BYTES, 0))
        except OSError:
            return
        if found is not None:
            self.megabytes = max(self.megabytes, -(-int(found[1]) // 1024))

    def close(self) -> None:
        if self._status >= 0:
            os.close(self._status)
            self._status = -1


class InvocationLog:
    """The lines of one invocation, from START to REPORT."""

    def __init__(
        self,
        invocation: Invocation,
        origin: LogOrigin,
        logging: LoggingConfig,
        memory_mb: int,
        put: Put,
    ) -> None:
        self._invocation = invocation
        self._origin = origin
        self._logging = logging
        self._memory_mb = memory_mb
        self._put = put
        self._now = asyncio.get_running_loop().time
        self._began = self._now()
        self._tail = _Tail() if invocation.log_tail else None
        at = epoch_milliseconds()
        if not logging.json:
            self.keep(at, start_text(invocation))
        elif logging.wants("INFO"):
            self.keep(at, start_json(invocation, at))

    def keep(self, at_ms: int, text: str) -> None:
        self._put(self._origin, at_ms, text)
        if self._tail is not None:
            self._tail.add(text)

    def end(self, result: Result, memory: PeakMemory | None, init_ms: float | None) -> Result:
        """`result`, with the tail of the log if the caller asked for it. Lines may still come."""
        usage = Usage(
            duration_ms=(self._now() - self._began) * 1000,
            memory_mb=self._memory_mb,
            max_memory_mb=memory.megabytes if memory else 0,
            init_ms=init_ms,
        )
        self._keep_end(result, usage, epoch_milliseconds())
        tail, self._tail = self._tail, None
        return result if tail is None else replace(result, log_tail=tail.content())

    def _keep_end(self, result: Result, usage: Usage, at: int) -> None:
        invocation = self._invocation
        if not self._logging.json:
            if (failure := failure_text(invocation, result, at)) is not None:
                self.keep(at, failure)
            self.keep(at, end_text(invocation))
            self.keep(at, report_text(invocation, result, usage))
            return
        if (failure := failure_json(invocation, result, at)) is not None:
            self.keep(at, failure)
        if self._logging.wants("WARN" if is_failure(result) else "INFO"):
            self.keep(at, report_json(invocation, result, usage, at))


class RuntimeLog:
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
        self._function_name = function_name
        self._version = version
        self._memory_mb = memory_mb
        self._logging = logging
        self._put = put
        self._show = show
        self._now = asyncio.get_running_loop().time
        self.group = logging.group_of(function_name)
        self.stream = logging.stream_of(function_name, version)
        self._running: InvocationLog | None = None
        self._created_at = self._now()
        self._init_seconds: float | None = None

    def write(self, at_ms: int, text: str) -> None:
        """A message that the process wrote."""
        for line in text.split("\n"):
            self._show(line)
        if self._running is not None:
            self._running.keep(at_ms, text)
        else:
            self._put(LogOrigin(self.group, self.stream), at_ms, text)

    def ready(self) -> None:
        """The process has started, and waits for its first invocation."""
        if self._init_seconds is None:
            self._init_seconds = self._now() - self._created_at

    def begin(self, invocation: Invocation) -> None:
        if invocation.logging != self._logging:
            self._follow(invocation.logging)
        origin = LogOrigin(self.group, self.stream, invocation.id, invocation.execution_id)
        self._running = InvocationLog(invocation, origin, self._logging, self._memory_mb, self._put)

    def end(self, result: Result, memory: PeakMemory | None) -> Result:
        """`result`, with the tail of the log if the caller asked for it. What the process writes
        from now on is still counted to this invocation, until the next begins."""
        assert self._running is not None
        return self._running.end(result, memory, self._taken_init_ms())

    def _taken_init_ms(self) -> float | None:
        """For the first invocation only: it is the one that waited for the start."""
        seconds, self._init_seconds = self._init_seconds, 0.0
        return seconds * 1000 if seconds else None

    def _follow(self, logging: LoggingConfig) -> None:
        """The function was given another log while this process ran."""
        if logging.group != self._logging.group:
            self.group = logging.group_of(self._function_name)
            self.stream = logging.stream_of(self._function_name, self._version)
        self._logging = logging


class _Tail:
    """The last TAIL_BYTES of some lines."""

    def __init__(self) -> None:
        self._content = b""

    def add(self, text: str) -> None:
        self._content = (self._content + text.encode() + b"\n")[-TAIL_BYTES:]

    def content(self) -> bytes:
        return self._content
