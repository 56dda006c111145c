"""A file that says to others on this machine whether the service knows this worker."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path


class HealthFile:
    """Touched whenever the service confirms that it knows this worker, every few seconds; gone
    before the first time and after the last. So a file that is older than some heartbeats means
    a worker that gets no work. It may be on no path at all; then nothing is written."""

    def __init__(self, path: Path | None, say: Callable[[str], None]) -> None:
        self._path = path
        self._say = say
        self.remove()  # of a worker that was killed

    def touch(self) -> None:
        if self._path is None:
            return
        try:
            self._path.touch()
        except OSError as error:
            self._say(f"the health file cannot be written: {error}")
            self._path = None

    def remove(self) -> None:
        if self._path is not None:
            with suppress(OSError):
                self._path.unlink()
