"""What holds a process of a deployed function: its user, its folder, its memory."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from perdure.worker.bound import bound_to_us

MEGABYTE: Final = 1024 * 1024
_BACKSTOP_MB = 4096
"""What a process may take before anybody looks at how much it has. Threads count with their stacks,
touched or not, so the limit itself would be far too strict."""
_OPEN_FILES = 1024
_TMP = "/tmp"  # noqa: S108  as the process sees it; it has its own
_PROBE_SECONDS = 10.0


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
    user: int | None
    is_wrapped: bool

    @property
    def home(self) -> str:
        """The scratch folder as the process sees it."""
        return _TMP if self.is_wrapped else str(self.scratch)

    def wrap(self, command: Sequence[str], folder: Path) -> Sequence[str]:
        """The command that runs `command` on the code in `folder`."""
        if not self.is_wrapped:
            return command
        bwrap = shutil.which("bwrap")
        if bwrap is None:
            raise OSError("bwrap is gone")
        return (bwrap, *_BWRAP, *_mounts(self.scratch, folder), "--", *command)

    def boot_options(self) -> Sequence[str]:
        """For child_boot: limits first, since a user that is none can still lower them."""
        options = [
            f"--limit-data={(self.memory_mb + _BACKSTOP_MB) * MEGABYTE}",
            f"--limit-files={_OPEN_FILES}",
        ]
        return options if self.user is None else [*options, f"--user={self.user}"]


_BWRAP = (
    *("--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)


def _mounts(scratch: Path, folder: Path) -> Sequence[str]:
    # The code last: it may lie below /tmp.
    code = str(folder)
    return ("--bind", str(scratch), _TMP, "--ro-bind", code, code, "--chdir", code)


class Confinements:
    """Makes them: one user for each function, one scratch folder for each process."""

    def __init__(
        self,
        users: range | None = None,
        *,
        is_wrapped: bool = False,
        obstacle: str | None = None,
    ) -> None:
        self._users = users
        self._is_wrapped = is_wrapped
        self._obstacle = obstacle
        self._user_of: dict[str, int] = {}
        self._root: Path | None = None

    @property
    def shown(self) -> str:
        """How functions are kept apart, for people."""
        if self._users is not None:
            shown = f"each as a user of its own, from {self._users[0]} to {self._users[-1]}"
        else:
            shown = "all as the worker's own user"
            shown += f" ({self._obstacle})" if self._obstacle else ""
        return f"{shown}, in bubblewrap" if self._is_wrapped else shown

    @contextmanager
    def of_one_child(self, function_name: str, memory_mb: int) -> Iterator[Confinement]:
        """Raises OSError if there is no folder or no user for it."""
        user = self._user(function_name)
        scratch = Path(tempfile.mkdtemp(prefix="run-", dir=self._folder()))
        try:
            if user is not None:
                os.chown(scratch, user, user)
            yield Confinement(scratch, memory_mb, user, self._is_wrapped)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def close(self) -> None:
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            self._root = None

    def _folder(self) -> Path:
        if self._root is None:
            self._root = Path(tempfile.mkdtemp(prefix="perdure-"))
            self._root.chmod(0o711)
        return self._root

    def _user(self, function_name: str) -> int | None:
        if self._users is None:
            return None
        if function_name not in self._user_of:
            taken = len(self._user_of)
            if taken == len(self._users):
                raise OSError(f"All {taken} users of --users are taken: give the worker more")
            self._user_of[function_name] = self._users[taken]
        return self._user_of[function_name]


def find_confinements(isolation: Isolation, users: range, needed: Iterable[Path]) -> Confinements:
    """As asked for, or for AUTO the best there is. `needed` are what every user must be able to
    read. Raises IsolationUnavailable."""
    is_wrapped = isolation is Isolation.BWRAP
    if is_wrapped:
        _require_bubblewrap(users[0] if os.geteuid() == 0 else None)
    if isolation is Isolation.NONE:
        obstacle: str | None = "as you wish"
    elif os.geteuid() != 0:
        obstacle = "only root can give each its own"
        if isolation is Isolation.USER:
            raise IsolationUnavailable(
                "Only root can run each function as a user of its own: start the worker as root, "
                "or choose --isolation bwrap or none"
            )
    elif (closed := _first_closed_folder(needed)) is not None:
        obstacle = f"others cannot enter {closed}"
        if isolation is not Isolation.AUTO:
            raise IsolationUnavailable(
                f"Other users cannot enter {closed}, where what runs the functions lies, or their "
                f"code (--cache): chmod o+x {closed}, or choose --isolation none"
            )
    else:
        return Confinements(users, is_wrapped=is_wrapped)
    return Confinements(is_wrapped=is_wrapped, obstacle=obstacle)


def _require_bubblewrap(user: int | None) -> None:
    program = shutil.which("bwrap")
    if program is None:
        raise IsolationUnavailable(
            "There is no bwrap on PATH: install bubblewrap, or choose --isolation user or none"
        )
    options = [] if user is None else [f"--user={user}"]
    try:
        done = subprocess.run(
            bound_to_us([program, *_BWRAP, "--", "/bin/true"], options),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
        reason = done.stderr.strip() if done.returncode else None
    except subprocess.TimeoutExpired:
        reason = "it hangs"
    if reason is not None:
        raise IsolationUnavailable(
            f"bwrap does not work here ({reason}): it needs user namespaces, which containers "
            "often forbid. Choose --isolation user or none"
        )


def _first_closed_folder(needed: Iterable[Path]) -> Path | None:
    return next((folder for path in needed if (folder := _closed_folder(path))), None)


def _closed_folder(path: Path) -> Path | None:
    """The first folder above `path` that others cannot enter."""
    for folder in reversed(path.resolve().parents):
        if folder.exists() and not folder.stat().st_mode & stat.S_IXOTH:
            return folder
    return None
