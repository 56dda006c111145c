"""Become `python -m MODULE ARGS...`, killed by the kernel when the process that started it dies.

    python -P child_boot.py PARENT_PID MODULE [ARGS...]

Run by its path and with nothing of Perdure imported, so that the module finds the interpreter as
it expects it. A hook between fork and exec would do the same, but is unsafe beside threads.
"""

from __future__ import annotations

import os
import runpy
import signal
import sys


def main() -> None:
    parent, module = int(sys.argv[1]), sys.argv[2]
    _die_with(parent)
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _die_with(parent: int) -> None:
    if sys.platform == "linux":
        import ctypes

        PR_SET_PDEATHSIG = 1
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)  # it died before we asked


if __name__ == "__main__":
    main()
