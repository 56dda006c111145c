"""`perdure worker` as users run it, as a process that is measured."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_START_SECONDS = 30
_ROOT = Path(__file__).parents[1]
"""Handlers find what they share with the benchmarks."""


class Agent:
    """One that serves handlers, started any number of times in turn."""

    def __init__(self, folder: Path, url: str, specs: Sequence[str | Path], *options: str) -> None:
        self._log = folder / "agent.log"
        self._known = folder / "agent-is-known"
        self._command: list[str | Path] = [sys.executable, "-m", "perdure", "worker", *specs]
        self._command += ["--health-file", self._known, "--service", url]
        self._command += ["--cache", folder / "code", *options]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns once the service knows it."""
        agent = self.begin()
        deadline = time.monotonic() + _START_SECONDS
        while not self._known.exists():
            if agent.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(self._log.read_text()[-2000:])
            time.sleep(0.01)

    def begin(self) -> subprocess.Popen[bytes]:
        """Returns at once."""
        self._known.unlink(missing_ok=True)
        with self._log.open("a") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(_ROOT)},
            )
        return self._process

    def kill(self) -> None:
        """kill -9, and it is gone when this returns."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()

    def stop(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(_START_SECONDS)


@contextmanager
def running_agent(
    folder: Path, url: str, specs: Sequence[str | Path], *options: str
) -> Iterator[Agent]:
    """`specs` are handlers as on the command line."""
    agent = Agent(folder, url, specs, *options)
    try:
        agent.start()
        yield agent
    finally:
        agent.stop()
