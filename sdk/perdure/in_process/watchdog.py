"""A handler that blocks the event loop is named: all others of its process wait for it."""

from __future__ import annotations

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable
from types import FrameType
from typing import Final

BLOCKED_SECONDS: Final = 1.0

_TICK_SECONDS = 0.25


class Watchdog:
    """Watches the loop of the thread that makes it, while something runs. `bark` is called from
    another thread, once per blockade, with text for people."""

    def __init__(self, bark: Callable[[str], None]) -> None:
        self._bark = bark
        self._loop = asyncio.get_running_loop()
        self._watched = threading.get_ident()
        self._ticks = 0
        self._running = 0
        self._timer: asyncio.TimerHandle | None = None
        self._awake = threading.Event()
        threading.Thread(target=self._watch, name="perdure-watchdog", daemon=True).start()

    def begin(self) -> None:
        """One more invocation runs."""
        self._running += 1
        if self._timer is None:
            self._tick()
            self._awake.set()

    def end(self) -> None:
        self._running -= 1

    def _tick(self) -> None:
        self._ticks += 1
        self._timer = None
        if self._running:
            self._timer = self._loop.call_later(_TICK_SECONDS, self._tick)
        else:
            self._awake.clear()

    def _watch(self) -> None:
        said_at = 0
        while True:
            self._awake.wait()
            ticks = self._ticks
            threading.Event().wait(BLOCKED_SECONDS)
            if ticks == self._ticks != said_at and self._awake.is_set():
                said_at = ticks
                self._bark(self._describe())

    def _describe(self) -> str:
        frame = sys._current_frames().get(self._watched)
        where = "".join(traceback.format_list(_stack(frame)[-3:])).rstrip()
        return (
            f"The event loop has been blocked for {BLOCKED_SECONDS:g} s, and with it every other "
            "invocation of this process. Await instead of blocking (asyncio.sleep, an asynchronous "
            "client, asyncio.to_thread), or make it a plain `def`, which gets a thread. It is at\n"
            f"{where}"
        )


def _stack(frame: FrameType | None) -> traceback.StackSummary:
    return traceback.StackSummary.extract(reversed(list(traceback.walk_stack(frame))))
