"""Processes in bubblewrap: a disk that is read-only, no other process in sight."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from perdure.worker.bound import bound_to_us

_TMP: Final = Path("/tmp")  # noqa: S108  as the process sees it; it has its own
_OPTIONS: Final = (
    *("--die-with-parent", "--unshare-pid", "--unshare-ipc", "--unshare-uts"),
    *("--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"),
)
_PROBE_SECONDS = 10.0


class BubblewrapUnavailable(Exception):
    """It is not there or does not work; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Bubblewrap:
    """`hides_tmp`: the process has its scratch folder as /tmp. Otherwise its program lies there."""

    program: str
    hides_tmp: bool

    def home(self, scratch: Path) -> Path:
        """The scratch folder as the process sees it."""
        return _TMP if self.hides_tmp else scratch

    def wrap(self, command: Sequence[str], scratch: Path, folder: Path) -> Sequence[str]:
        """The command that runs `command` on the code in `folder`."""
        code = str(folder)
        own = ("--bind", str(scratch), str(self.home(scratch)))
        # The code last: it may lie below /tmp as well.
        return (
            *(self.program, *_OPTIONS, *own),
            *("--ro-bind", code, code, "--chdir", code),
            *("--", *command),
        )


def find_bubblewrap(programs: Collection[Path], user: int | None) -> Bubblewrap:
    """For processes that need these programs and run as `user`. Blocking. Raises
    BubblewrapUnavailable."""
    program = shutil.which("bwrap")
    if program is None:
        raise BubblewrapUnavailable(
            "There is no bwrap on PATH: install bubblewrap, or choose --isolation user or none"
        )
    reason = _obstacle(program, user)
    if reason is not None:
        raise BubblewrapUnavailable(
            f"bwrap does not work here ({reason}): it needs user namespaces, which containers "
            "often forbid. Choose --isolation user or none"
        )
    places = [place for path in programs for place in (path, path.resolve())]
    return Bubblewrap(program, not any(place.is_relative_to(_TMP) for place in places))


def _obstacle(program: str, user: int | None) -> str | None:
    options = [] if user is None else [f"--user={user}"]
    try:
        done = subprocess.run(
            bound_to_us([program, *_OPTIONS, "--", "/bin/true"], options),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "it hangs"
    return None if done.returncode == 0 else done.stderr.strip()
