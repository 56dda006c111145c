"""Lines on a terminal that may be slow, paused or gone, without ever stalling who writes them."""

from __future__ import annotations

import queue
import threading
from contextlib import suppress
from typing import Final, TextIO

CAPACITY: Final = 10_000
CAPACITY_CHARACTERS: Final = 16_000_000
_LAST_LINES_SECONDS = 2.0


class LinePrinter:
    """Writes from a thread of its own. When the terminal falls behind by CAPACITY lines, or by
    CAPACITY_CHARACTERS, new ones are dropped, and their number is told."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.Queue[str | None] = queue.Queue(CAPACITY)
        self._put_characters = 0
        self._taken_characters = 0
        self._dropped = 0
        self._label_width = 0
        self._thread = threading.Thread(target=self._write, name="output", daemon=True)
        self._thread.start()

    def labels(self, *labels: str) -> None:
        """Align the bars behind these."""
        self._label_width = max(map(len, labels), default=0)

    def say(self, label: str, text: str) -> None:
        """`label | text`."""
        self.line(f"{label:<{self._label_width}} | {text}")

    def line(self, text: str) -> None:
        waiting = self._put_characters - self._taken_characters
        try:
            if waiting + len(text) > CAPACITY_CHARACTERS:
                raise queue.Full
            self._lines.put_nowait(text)
            self._put_characters += len(text)
        except queue.Full:
            self._dropped += 1

    def close(self) -> None:
        """Write what there is, for two seconds at most."""
        try:
            self._lines.put(None, timeout=_LAST_LINES_SECONDS)
        except queue.Full:
            return
        self._thread.join(_LAST_LINES_SECONDS)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            self._taken_characters += len(line)
            try:
                self._stream.write(f"{line}\n")
                if self._dropped:
                    dropped, self._dropped = self._dropped, 0
                    self._stream.write(f"({dropped} lines dropped: the terminal is too slow)\n")
                if self._lines.empty():
                    self._stream.flush()
            except (OSError, ValueError):
                pass  # nobody reads any more; keep emptying the queue
        with suppress(OSError, ValueError):
            self._stream.flush()
