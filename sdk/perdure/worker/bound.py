"""Child processes that the kernel kills when this one dies, however it dies."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

BOOT = Path(__file__).with_name("child_boot.py")


def bound_to_us(command: Sequence[str], options: Sequence[str] = ()) -> list[str]:
    """The command line that runs `command`, whose first word is a path, as such a child.

    `options` are child_boot's: limits, and the user that it becomes.
    """
    return [sys.executable, "-I", "-S", str(BOOT), str(os.getpid()), *options, *command]
