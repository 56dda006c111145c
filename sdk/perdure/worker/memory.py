"""Holding processes to their memory, from outside: by looking at what they have.

Limits of the kernel's own will not do everywhere: address space is no measure for Node.js, and
cgroups are rarely a worker's to write. What counts is anonymous memory, of a process and of all
that descend from it; files that are mapped can be dropped and are not counted.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

LOOK_SECONDS: Final = 0.1

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_MOST_PROCESSES = 1000
_PSS = re.compile(rb"^(?:Pss_Anon|Pss_Shmem|SwapPss): +(\d+) kB$", re.MULTILINE)


@dataclass(eq=False, frozen=True, slots=True)
class _Watched:
    pid: int
    limit_bytes: int
    exceeded: Callable[[], None]


class MemoryWatch:
    """Looks ten times a second at what is at work, and not at all while nothing is."""

    def __init__(self) -> None:
        self._watched: set[_Watched] = set()
        self._begun = asyncio.Event()

    @contextmanager
    def over(self, pid: int, limit_bytes: int, exceeded: Callable[[], None]) -> Iterator[None]:
        """Within, `exceeded` is called each time that the process has more than it may have."""
        watched = _Watched(pid, limit_bytes, exceeded)
        self._watched.add(watched)
        self._begun.set()
        try:
            yield
        finally:
            self._watched.discard(watched)

    async def run(self) -> None:
        """For ever."""
        while True:
            await self._begun.wait()
            for watched in tuple(self._watched):
                if _exceeds(watched.pid, watched.limit_bytes):
                    watched.exceeded()
            if not self._watched:
                self._begun.clear()
            await asyncio.sleep(LOOK_SECONDS)


def largest_of_family(pid: int) -> int:
    """The process that does the work, where another one stands around it."""
    return max(_family(pid), key=_private_bytes)


def _exceeds(pid: int, limit_bytes: int) -> bool:
    family = list(_family(pid))
    if sum(map(_private_bytes, family)) <= limit_bytes:
        return False
    # Pages that a fork shares with its parent were counted twice: count again, exactly.
    return sum(map(_proportional_bytes, family)) > limit_bytes


def _family(pid: int) -> Iterator[int]:
    """A process and all its descendants; only itself where the kernel does not tell."""
    found = [pid]
    for member in found:
        yield member
        try:
            for task in os.listdir(f"/proc/{member}/task"):
                children = Path(f"/proc/{member}/task/{task}/children").read_bytes()
                found += map(int, children.split())
        except OSError:
            continue
        if len(found) > _MOST_PROCESSES:
            return


def _private_bytes(pid: int) -> int:
    try:
        resident, shared = Path(f"/proc/{pid}/statm").read_bytes().split()[1:3]
    except (OSError, ValueError):
        return 0  # gone
    return (int(resident) - int(shared)) * _PAGE_BYTES


def _proportional_bytes(pid: int) -> int:
    try:
        text = Path(f"/proc/{pid}/smaps_rollup").read_bytes()
    except OSError:
        return _private_bytes(pid)
    return sum(map(int, _PSS.findall(text))) * 1024
