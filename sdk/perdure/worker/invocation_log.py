"""The log of one invocation: what its function wrote, with Lambda's own lines around it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace

from perdure.worker.clock import epoch_milliseconds
from perdure.worker.invocation import Invocation, Result
from perdure.worker.log_shipping import LogOrigin
from perdure.worker.logging_config import LoggingConfig
from perdure.worker.peak_memory import PeakMemory
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

Put = Callable[[LogOrigin, int, str], None]


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


class _Tail:
    """The last TAIL_BYTES of some lines."""

    def __init__(self) -> None:
        self._content = b""

    def add(self, text: str) -> None:
        self._content = (self._content + text.encode() + b"\n")[-TAIL_BYTES:]

    def content(self) -> bytes:
        return self._content
