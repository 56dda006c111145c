"""Sending what functions write to the service: in batches, in the background, for as long as the
service is away, and never more than fits into a bounded memory.

Every batch has a number, and the next goes out when this one is accepted: so the service can tell
a batch that comes again, after an answer that was lost, from a new one.
"""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

from perdure.http.connections import ServiceAway
from perdure.http.pause import Pause
from perdure.worker.clock import epoch_milliseconds
from perdure.worker.log_capture import MAX_MESSAGE_BYTES
from perdure.worker.service_client import ServiceRefused, UnknownWorker

MAX_WAITING_BYTES: Final = 8 * 1024 * 1024
"""What may wait here; beyond it the oldest lines go."""

_BATCH_BYTES = 256 * 1024
_LINGER_SECONDS = 0.2
"""A line waits so long for others: one request for many."""
_LINE_BYTES = 64
"""What a line costs beside its text."""

Ship = Callable[[bytes], Awaitable[None]]
"""Sends one batch. Raises ServiceAway, UnknownWorker, ServiceRefused."""


@dataclass(frozen=True, slots=True, eq=False)
class LogOrigin:
    """Where lines belong, and whose they are. `request_id` is None for those of a start."""

    group: str
    stream: str
    request_id: str | None = None
    execution_id: str | None = None


class LogShipper:
    def __init__(self, ship: Ship, say: Callable[[str], None]) -> None:
        self._ship = ship
        self._say = say
        self._waiting: deque[tuple[LogOrigin, int, str]] = deque()
        self._waiting_bytes = 0
        self._dropped: dict[tuple[str, str], int] = {}
        self._number = 0
        self._refused = False
        self._arrived = asyncio.Event()
        self._full = asyncio.Event()
        self._emptied = asyncio.Event()
        self._emptied.set()

    def put(self, origin: LogOrigin, at_ms: int, text: str) -> None:
        """Send a line sometime soon, in pieces if it is too long for one. Never blocks; at the
        limit the oldest lines are dropped, and counted in the log that they are missing from."""
        for start in range(0, max(len(text), 1), MAX_MESSAGE_BYTES):
            piece = text[start : start + MAX_MESSAGE_BYTES]
            self._waiting.append((origin, at_ms, piece))
            self._waiting_bytes += len(piece) + _LINE_BYTES
        while self._waiting_bytes > MAX_WAITING_BYTES:
            self._drop(*self._take())
        if self._waiting_bytes >= _BATCH_BYTES:
            self._full.set()
        self._arrived.set()
        self._emptied.clear()

    async def run(self) -> None:
        """Send for ever."""
        while True:
            await self._arrived.wait()
            self._arrived.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LINGER_SECONDS):
                    await self._full.wait()
            while self._waiting:
                await self._send(self._batch())
            self._emptied.set()

    async def drain(self, limit_seconds: float) -> None:
        """Send what waits, and wait until it is accepted, at most so long."""
        self._full.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(limit_seconds):
                await self._emptied.wait()

    async def _send(self, body: bytes) -> None:
        pause = Pause()
        while True:
            try:
                await self._ship(body)
            except UnknownWorker:
                return  # an older service, which keeps no logs
            except ServiceRefused as error:
                if not self._refused:
                    self._say(f"the service refuses what functions write: {error}")
                self._refused = True
                return
            except ServiceAway:
                await pause.sleep()
            else:
                self._refused = False
                return

    def _batch(self) -> bytes:
        """The next lines, those of one invocation together."""
        self._number += 1
        self._full.clear()
        chunks: list[dict[str, Any]] = []
        latest: LogOrigin | None = None
        lines: list[tuple[int, str]] = []
        size = 0
        while self._waiting and size < _BATCH_BYTES:
            origin, at_ms, text = self._take()
            size += len(text) + _LINE_BYTES
            if origin is not latest:
                latest, lines = origin, []
                chunks.append(_chunk(origin, lines))
                if dropped := self._dropped.pop((origin.group, origin.stream), 0):
                    lines.append((at_ms, _dropped_text(dropped)))
            lines.append((at_ms, text))
        if not self._waiting:
            now = epoch_milliseconds()
            for (group, stream), dropped in self._dropped.items():
                chunks.append(_chunk(LogOrigin(group, stream), [(now, _dropped_text(dropped))]))
            self._dropped.clear()
        return json.dumps({"Batch": self._number, "Chunks": chunks}).encode()

    def _take(self) -> tuple[LogOrigin, int, str]:
        line = self._waiting.popleft()
        self._waiting_bytes -= len(line[2]) + _LINE_BYTES
        return line

    def _drop(self, origin: LogOrigin, _at_ms: int, _text: str) -> None:
        key = (origin.group, origin.stream)
        self._dropped[key] = self._dropped.get(key, 0) + 1


def _dropped_text(count: int) -> str:
    return f"perdure: {count} lines dropped"


def _chunk(origin: LogOrigin, lines: list[tuple[int, str]]) -> dict[str, Any]:
    return {
        "LogGroup": origin.group,
        "LogStream": origin.stream,
        "RequestId": origin.request_id,
        "ExecutionId": origin.execution_id,
        "Lines": lines,
    }
