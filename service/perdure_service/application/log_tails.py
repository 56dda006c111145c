"""The ends of logs that callers of Invoke wait for."""

from __future__ import annotations

import asyncio
from collections import Counter
from types import TracebackType
from typing import Self

from perdure_service.application.waits import set_or_late
from perdure_service.domain.errors import Unavailable
from perdure_service.domain.function_logs import LogLine
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.ports.function_logs import LogIntake, LogReader, Sought

MAX_TAIL_BYTES = 4_096

_MAX_LINES = 1_000
_PATIENCE_SECONDS = 2.0
_LOOK_SECONDS = 0.2
_REPORTS = (b"REPORT RequestId: ", b'"type": "platform.report"')


class LogTails:
    """Who runs an invocation on this replica puts its tail here, before the end is recorded that
    the caller waits for. What another replica ran is read from the logs, a moment later. Of several
    invocations the last one's tail stays."""

    def __init__(self, reader: LogReader, intake: LogIntake) -> None:
        self._reader = reader
        self._intake = intake
        self._callers: Counter[ExecutionId] = Counter()
        self._tails: dict[ExecutionId, bytes] = {}

    def wish(self) -> TailWish:
        return TailWish(self)

    def is_wanted(self, id_: ExecutionId) -> bool:
        return id_ in self._callers

    def put(self, id_: ExecutionId, tail: bytes) -> None:
        """Dropped if nobody waits for it."""
        if id_ in self._callers:
            self._tails[id_] = tail[-MAX_TAIL_BYTES:]

    def want(self, id_: ExecutionId) -> None:
        self._callers[id_] += 1

    def forget(self, id_: ExecutionId) -> None:
        """One caller less."""
        self._callers[id_] -= 1
        if self._callers[id_] <= 0:
            del self._callers[id_]
            self._tails.pop(id_, None)

    async def tail(self, id_: ExecutionId, last: InvocationId | None) -> bytes | None:
        """Of the execution's `last` invocation. None if there is none, or it does not come within
        two seconds."""
        if id_ in self._tails:
            return self._tails[id_]
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    news = self._intake.news
                    lines = await self._stored(id_, last)
                    if any(_is_report(line) for line in lines):
                        return _tail_of(lines)
                    await set_or_late(news, _LOOK_SECONDS)
        except (TimeoutError, Unavailable):
            return None

    async def _stored(self, id_: ExecutionId, last: InvocationId | None) -> list[LogLine]:
        sought = Sought(execution_id=id_, request_id=last)
        kept = await self._reader.arrived(sought, after=0, limit=_MAX_LINES, newest=True)
        newest = last or (kept[-1].line.request_id if kept else None)
        return [one.line for one in kept if one.line.request_id == newest]


class TailWish:
    """One caller's. It may turn out that the execution is another one than was about to start."""

    def __init__(self, tails: LogTails) -> None:
        self._tails = tails
        self._ids: list[ExecutionId] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for id_ in self._ids:
            self._tails.forget(id_)

    def of(self, id_: ExecutionId) -> None:
        self._ids.append(id_)
        self._tails.want(id_)


def _is_report(line: LogLine) -> bool:
    return line.message.startswith(_REPORTS[0]) or _REPORTS[1] in line.message


def _tail_of(lines: list[LogLine]) -> bytes:
    return b"".join(line.message + b"\n" for line in lines)[-MAX_TAIL_BYTES:]
