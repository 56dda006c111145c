"""Processes of ours that a test starts, stops, kills and starts again."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.support.waiting import eventually

_STEERING = ("AWS_", "DATABASE_", "PERDURE_", "PG", "PYTEST_", "PYTHONDONTWRITEBYTECODE")
"""What would reach the program from whoever runs the tests. Without byte code every start of the
service would take seconds longer."""


def clean_environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """This process' environment without what would steer the program, and with our packages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_STEERING)}
    packages = os.pathsep.join(filter(None, sys.path))
    return {**kept, "PYTHONPATH": packages, "PYTHONUNBUFFERED": "1", **(extra or {})}


class LoggedProcess:
    """One program, run any number of times in turn. All it writes goes to one file."""

    def __init__(
        self, command: Sequence[str | Path], log: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self._command = [str(word) for word in command]
        self._log = log
        self._environment = clean_environment(environment)
        self._process: subprocess.Popen[bytes] | None = None
        self._log_start = 0

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        """What was written by all runs."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    @property
    def output(self) -> str:
        """What was written since the last start."""
        return self.log[self._log_start :]

    def start(self, *arguments: str) -> None:
        assert not self.is_running
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log_start = len(self.log)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [*self._command, *arguments],
                cwd=self._log.parent,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Ctrl-C is for the tests.
                start_new_session=True,
            )

    def until(self, seen: Callable[[], bool], timeout_seconds: float = 60) -> None:
        """Wait for a fact that this process brings about; fails at once if it ends first."""
        eventually(lambda: seen() or not self.is_running, timeout_seconds)
        assert self.is_running, f"ended with {self.ended()}:\n{self.output}"

    def signal(self, number: signal.Signals) -> None:
        if self.is_running:
            assert self._process is not None
            self._process.send_signal(number)

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Stopped as by a debugger: it keeps its connections and answers nothing."""
        self.signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9, and it is gone when this returns."""
        self.signal(signal.SIGKILL)
        self.ended()

    def stop(self, timeout_seconds: float = 30) -> int | None:
        """Tell it to end and wait for that; its exit code, None if it was never started."""
        self.signal(signal.SIGTERM)
        try:
            return self.ended(timeout_seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"did not end in {timeout_seconds} s:\n{self.output}") from None

    def ended(self, timeout_seconds: float = 30) -> int | None:
        """Wait for its end; its exit code."""
        return None if self._process is None else self._process.wait(timeout_seconds)
