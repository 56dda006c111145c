"""What holds a process of a deployed function: its user, its folder, its memory."""

from __future__ import annotations

import os
import stat
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from perdure.worker.bubblewrap import Bubblewrap, BubblewrapUnavailable, find_bubblewrap
from perdure.worker.scratch import ScratchFolders

MEGABYTE: Final = 1024 * 1024
_BACKSTOP_MB = 4096
"""What a process may take before anybody looks at how much it has. Threads count with their stacks,
touched or not, so the limit itself would be far too strict."""
_OPEN_FILES = 1024


class Isolation(StrEnum):
    AUTO = "auto"
    USER = "user"
    BWRAP = "bwrap"
    NONE = "none"


class IsolationUnavailable(Exception):
    """Functions cannot be kept apart as asked for; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Confinement:
    """`scratch` is the process's own folder, for HOME and TMPDIR. `user` is its user and group id;
    None leaves it the agent's."""

    scratch: Path
    memory_mb: int
    user: int | None = None
    bubblewrap: Bubblewrap | None = None

    @property
    def home(self) -> Path:
        """The scratch folder as the process sees it."""
        return self.scratch if self.bubblewrap is None else self.bubblewrap.home(self.scratch)

    def wrap(self, command: Sequence[str], folder: Path) -> Sequence[str]:
        """The command that runs `command` on the code in `folder`."""
        if self.bubblewrap is None:
            return command
        return self.bubblewrap.wrap(command, self.scratch, folder)

    def boot_options(self) -> Sequence[str]:
        """For child_boot: limits first, since a user that is none can still lower them."""
        options = [
            f"--limit-data={(self.memory_mb + _BACKSTOP_MB) * MEGABYTE}",
            f"--limit-files={_OPEN_FILES}",
        ]
        return options if self.user is None else [*options, f"--user={self.user}"]


class Confinements:
    """Makes them: one user for each function, one scratch folder for each process."""

    def __init__(
        self,
        users: range | None = None,
        bubblewrap: Bubblewrap | None = None,
        *,
        obstacle: str | None = None,
    ) -> None:
        self._users = users
        self._bubblewrap = bubblewrap
        self._obstacle = obstacle
        self._user_of: dict[str, int] = {}
        self._scratch = ScratchFolders()

    @property
    def shown(self) -> str:
        """How functions are kept apart, for people."""
        if self._users is not None:
            shown = f"each as a user of its own, from {self._users[0]} to {self._users[-1]}"
        else:
            shown = "all as the worker's own user"
            shown += f" ({self._obstacle})" if self._obstacle else ""
        return shown if self._bubblewrap is None else f"{shown}, in bubblewrap"

    @contextmanager
    def of_one_child(self, function_name: str, memory_mb: int) -> Iterator[Confinement]:
        """Raises OSError if there is no folder or no user for it."""
        user = self._user(function_name)
        with self._scratch.folder(user) as scratch:
            yield Confinement(scratch, memory_mb, user, self._bubblewrap)

    def close(self) -> None:
        self._scratch.close()

    def _user(self, function_name: str) -> int | None:
        if self._users is None:
            return None
        if function_name not in self._user_of:
            taken = len(self._user_of)
            if taken == len(self._users):
                raise OSError(f"All {taken} users of --users are taken: give the worker more")
            self._user_of[function_name] = self._users[taken]
        return self._user_of[function_name]


def find_confinements(
    isolation: Isolation, users: range, programs: Collection[Path], code: Path
) -> Confinements:
    """As asked for, or for AUTO the best there is. Every user must be able to read the `programs`
    and, below its folder, the `code`. Raises IsolationUnavailable."""
    is_root = os.geteuid() == 0
    bubblewrap = None
    if isolation is Isolation.BWRAP:
        try:
            bubblewrap = find_bubblewrap(programs, users[0] if is_root else None)
        except BubblewrapUnavailable as error:
            raise IsolationUnavailable(str(error)) from error
    if isolation is Isolation.NONE:
        return Confinements(obstacle="as you wish")
    if not is_root:
        if isolation is Isolation.USER:
            raise IsolationUnavailable(
                "Only root can run each function as a user of its own: start the worker as root, "
                "or choose --isolation bwrap or none"
            )
        return Confinements(None, bubblewrap, obstacle="only root can give each its own")
    closed = next((found for path in (*programs, code) if (found := _closed_folder(path))), None)
    if closed is None:
        return Confinements(users, bubblewrap)
    if isolation is Isolation.AUTO:
        return Confinements(obstacle=f"others cannot enter {closed}")
    raise IsolationUnavailable(
        f"Other users cannot enter {closed}, where what runs the functions lies, or their code "
        f"(--cache): chmod o+x {closed}, or choose --isolation none"
    )


def _closed_folder(path: Path) -> Path | None:
    """The first folder above `path`, or above what it is a link to, that others cannot enter."""
    for folder in (*reversed(path.parents), *reversed(path.resolve().parents)):
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None
