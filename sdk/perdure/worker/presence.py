"""How a worker that was killed is known to be dead before its lease ends.

Each worker holds a lock on a file for as long as it lives; the kernel gives it back however the
process ends. So whoever comes next on this machine, and has the same folder, finds the files of
the dead, and names them to the service when it registers.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

from perdure.worker.clock import epoch_milliseconds

MOST_DEAD: Final = 100

_FORGOTTEN_SECONDS: Final = 86_400.0
_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class Presence:
    """`folder` is made if it is not there. Where files cannot be locked nobody is found dead: then
    leases end what killed workers had."""

    def __init__(
        self, folder: Path, service: str, worker_id: str, say: Callable[[str], None]
    ) -> None:
        self._folder = folder
        self._facts = {"Service": service, "Boot": _boot_id()}
        self._own = folder / worker_id
        self._say = say
        self._lock: int | None = None

    def open(self) -> None:
        """Be alive, for others to see."""
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            # Under another name until it is locked: nobody must find it unlocked.
            unborn = self._own.with_suffix(".new")
            self._lock = os.open(unborn, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.write(self._lock, json.dumps(self._facts).encode())
            unborn.rename(self._own)
        except OSError as error:
            self.close()
            self._say(f"{self._folder}: {error}; what a killed worker had will wait for its lease")

    def dead(self) -> list[str]:
        """Workers of this machine and service that died and were not buried, at most MOST_DEAD."""
        found: list[str] = []
        with suppress(OSError):
            for file in sorted(self._folder.iterdir()):
                if file != self._own and self._is_dead(file):
                    found.append(file.name)
        return found[:MOST_DEAD]

    def bury(self, dead: Iterable[str]) -> None:
        """The service knows of them."""
        for worker_id in dead:
            with suppress(OSError):
                (self._folder / worker_id).unlink()

    def close(self) -> None:
        """End in peace: the service was told, there is nothing to find."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
            self.bury([self._own.name])

    def _is_dead(self, file: Path) -> bool:
        try:
            descriptor = os.open(file, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return False  # buried by a neighbour, or of another user
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            content = os.read(descriptor, 4096)
            age_seconds = epoch_milliseconds() / 1000 - os.fstat(descriptor).st_mtime
            if age_seconds > _FORGOTTEN_SECONDS:
                file.unlink()  # of another machine or another boot, or of no use by now
                return False
            return file.suffix == "" and json.loads(content) == self._facts
        except (OSError, ValueError):
            return False  # it lives, or is none of ours
        finally:
            os.close(descriptor)


def _boot_id() -> str:
    """What this machine's processes have in common, until it starts anew."""
    try:
        return _BOOT_ID.read_text().strip()
    except OSError:
        return ""
