"""The most memory that a process has had."""

from __future__ import annotations

import os
import re
from typing import Final

_PEAK: Final = re.compile(rb"^VmHWM:\s*(\d+) kB", re.MULTILINE)
_STATUS_BYTES: Final = 4096


class PeakMemory:
    """In megabytes; what the process starts itself does not count. 0 where the system does not
    tell."""

    def __init__(self, pid: int) -> None:
        self.megabytes = 0
        try:
            self._status = os.open(f"/proc/{pid}/status", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            self._status = -1

    def measure(self) -> None:
        """Look again; what was seen stays when the process is gone."""
        try:
            found = _PEAK.search(os.pread(self._status, _STATUS_BYTES, 0))
        except OSError:
            return
        if found is not None:
            self.megabytes = max(self.megabytes, -(-int(found[1]) // 1024))

    def close(self) -> None:
        if self._status >= 0:
            os.close(self._status)
            self._status = -1
