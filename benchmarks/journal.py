"""What steps note of themselves in a file that outlives their process: one short line each."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.peer import PeerFailed

_LOOK_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class JournalFacts:
    """`begun` counts steps, each once, `ended` workflows. Of the steps that ran more than once,
    those after which a later one of the same workflow had begun were complete, and should not."""

    begun: int
    ended: int
    completed_again: int
    interrupted_again: int


class Journal:
    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def read(self) -> JournalFacts:
        newest: dict[str, int] = {}
        begun: set[tuple[str, int]] = set()
        ended: set[str] = set()
        completed_again = interrupted_again = 0
        for line in self.path.read_text().splitlines():
            workflow, step = line.split()
            if step == "end":
                ended.add(workflow)
                continue
            number = int(step)
            if (workflow, number) in begun:
                if newest[workflow] > number:
                    completed_again += 1
                else:
                    interrupted_again += 1
            begun.add((workflow, number))
            newest[workflow] = max(number, newest.get(workflow, 0))
        return JournalFacts(len(begun), len(ended), completed_again, interrupted_again)

    def wait_for(self, happened: Callable[[], bool], seconds: float) -> None:
        """Raises PeerFailed if it has not happened after `seconds`."""
        deadline = time.monotonic() + seconds
        while not happened():
            if time.monotonic() > deadline:
                raise PeerFailed(f"not in {seconds:g} s: {self.read()}")
            time.sleep(_LOOK_SECONDS)


@cache
def _opened(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND)


def append_line(path: str, line: str) -> None:
    """At once, whole, and in a file that is opened once in a process."""
    os.write(_opened(path), f"{line}\n".encode())


def note(journal: str, workflow: int | str, step: int | str) -> None:
    """The worker's end: write that a step begins, or with "end" that its workflow has ended."""
    append_line(journal, f"{workflow} {step}")
