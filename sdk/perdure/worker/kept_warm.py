"""Whether a process is kept ready for a function that has no work."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

_YOUNG_SECONDS: Final = 10.0
_LONGEST_PAUSE_SECONDS: Final = 30.0


class KeptWarm:
    """Not after a start that failed, and after one that died young only in a while: `again` is
    called then."""

    def __init__(self, again: Callable[[], None]) -> None:
        self._again = again
        self._will_fail = False
        self._crashes = 0
        self._pause: asyncio.TimerHandle | None = None

    @property
    def is_due(self) -> bool:
        return not self._will_fail and self._pause is None

    def has_new_code(self) -> None:
        """Whatever was wrong may be mended."""
        self._will_fail = False
        self._crashes = 0
        self.end()

    def has_loaded(self) -> None:
        """A process is at work."""
        self._will_fail = False

    def has_failed(self) -> None:
        """It would fail again: an invocation that needs it may try, or other code."""
        self._will_fail = True

    def has_ended(self, *, started_at: float, crashed: bool) -> None:
        """A process that had loaded its handler, or was not needed any more."""
        loop = asyncio.get_running_loop()
        is_young = loop.time() - started_at < _YOUNG_SECONDS
        if crashed and is_young:
            self._crashes += 1
            self.end()
            seconds = min(2.0 ** (self._crashes - 2), _LONGEST_PAUSE_SECONDS)
            self._pause = loop.call_later(seconds, self._resume)
        elif not is_young:
            self._crashes = 0

    def end(self) -> None:
        """Wait for nothing any more."""
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _resume(self) -> None:
        self._pause = None
        self._again()
