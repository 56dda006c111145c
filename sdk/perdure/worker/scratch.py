"""Folders that processes may write to, gone with them."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_PREFIX: Final = "perdure-worker-"


class ScratchFolders:
    """All of one worker, in a folder that it holds a lock on: what a killed one left behind is
    removed by the next."""

    def __init__(self) -> None:
        self._root: Path | None = None
        self._lock = -1

    @contextmanager
    def folder(self, user: int | None) -> Iterator[Path]:
        """A new one that only `user`, None for ourselves, can enter. Raises OSError."""
        scratch = Path(tempfile.mkdtemp(prefix="run-", dir=self._open()))
        try:
            if user is not None:
                os.chown(scratch, user, user)
            yield scratch
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def close(self) -> None:
        if self._root is not None:
            shutil.rmtree(self._root, ignore_errors=True)
            os.close(self._lock)
            self._root = None

    def _open(self) -> Path:
        if self._root is None:
            around = Path(tempfile.gettempdir())
            for left in around.glob(f"{_PREFIX}*"):
                _remove_unless_held(left)
            root = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=around))
            self._lock = os.open(root, os.O_RDONLY)
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            root.chmod(0o711)  # not before it is locked: until then others take it for new
            self._root = root
        return self._root


def _remove_unless_held(folder: Path) -> None:
    try:
        found = folder.lstat()
        if found.st_uid != os.geteuid() or found.st_mode & 0o777 != 0o711:
            return
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError:
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(lock)
