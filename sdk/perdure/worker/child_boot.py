"""Become another program, killed by the kernel when the process that started this one dies.

    python -I -S child_boot.py PARENT_PID PROGRAM [ARGS...]

PROGRAM is a path. A hook between fork and exec would do the same, but is unsafe beside threads.
"""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    parent, program = int(sys.argv[1]), sys.argv[2:]
    _die_with(parent)
    os.execv(program[0], program)  # noqa: S606  that is what it is for


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


if __name__ == "__main__":
    main()
