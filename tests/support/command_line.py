"""`perdure` as a shell runs it, and as a terminal does."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.worker import PERDURE

_LONGEST_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Ended:
    code: int
    output: str
    errors: str

    @property
    def json(self) -> Any:
        return json.loads(self.output)


@dataclass(frozen=True, slots=True)
class Shell:
    """Runs commands to their end, nobody at the keyboard."""

    environment: Mapping[str, str]
    folder: Path | None = None

    def __call__(self, *arguments: str | Path, stdin: str = "") -> Ended:
        done = subprocess.run(
            [PERDURE, *arguments],
            check=False,
            cwd=self.folder,
            env=dict(self.environment),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=_LONGEST_SECONDS,
        )
        assert "Traceback" not in done.stderr, done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)


class Terminal:
    """A program on a terminal of its own."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str]) -> None:
        self._master, slave = pty.openpty()
        self._written: list[bytes] = []
        self.process = subprocess.Popen(
            command,
            env={**environment, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"},
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    @property
    def seen(self) -> str:
        return b"".join(self._written).decode(errors="replace")

    def type(self, text: str) -> None:
        os.write(self._master, text.encode())

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join()
        os.close(self._master)

    def _read(self) -> None:
        while True:
            try:
                written = os.read(self._master, 65_536)
            except OSError:  # the last program that held it has ended
                return
            if not written:
                return
            self._written.append(written)


@contextmanager
def running_in_terminal(
    command: Sequence[str], environment: Mapping[str, str]
) -> Iterator[Terminal]:
    terminal = Terminal(command, environment)
    try:
        yield terminal
    finally:
        terminal.close()
