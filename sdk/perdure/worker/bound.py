"""Child processes that the kernel kills when this one dies, however it dies."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

BOOT = Path(__file__).with_name("child_boot.py")


def bound_to_us(command: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """The command line that runs `command`, whose first word is a path, as such a child.

    `options` are child_boot's: limits, and the user that it becomes.
    """
    return [sys.executable, "-I", "-S", str(BOOT), str(os.getpid()), *options, *command]


def kill_group(pid: int) -> None:
    """Kill a child that was started as the leader of a session, and what it has started, also if
    it has died itself. Safe to repeat."""
    with suppress(ProcessLookupError, PermissionError):  # nobody is left
        os.killpg(pid, signal.SIGKILL)
