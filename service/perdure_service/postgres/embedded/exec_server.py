"""Become a Postgres program whose life is tied to our parent's.

    python -I -S exec_server.py OWNER_PID UID GID PROGRAM [ARGUMENT...]

Run by path and on its own: it may import nothing but the standard library.

The steps must happen in the child, after the fork. Python code there (preexec_fn) can deadlock in
a process with threads, and our Python may lie in a folder that the server's user cannot enter, so
this starts as whoever started it and drops to UID and GID itself. The kernel's death signal is set
last, since a change of user clears it. It is sent when the *thread* that forked us ends.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def _drop_to(uid: int, gid: int) -> None:
    if os.geteuid() == uid:
        return
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)


def _die_with(owner_pid: int) -> None:
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGINT), 0, 0, 0) != 0:
        sys.exit(f"prctl: {os.strerror(ctypes.get_errno())}")
    if os.getppid() != owner_pid:
        sys.exit("the owner ended before the server began")


def main(arguments: list[str]) -> None:
    owner_pid, uid, gid = (int(argument) for argument in arguments[:3])
    program = arguments[3]
    _drop_to(uid, gid)
    os.umask(0o077)
    # Python ignores this one, and exec would hand the disposition on.
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    _die_with(owner_pid)
    os.execv(program, arguments[3:])  # noqa: S606 - no shell is the point


if __name__ == "__main__":
    main(sys.argv[1:])
