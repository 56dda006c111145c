"""Unpacked code on disk, by hash."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from pathlib import Path

from perdure.worker.unpack import UnsafeCode, unpack


class CodeCache:
    """Folders of unpacked code by hash. Several processes may share one cache."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def find(self, sha256: str) -> Path | None:
        folder = self._root / sha256
        return folder if folder.is_dir() else None

    def add(self, sha256: str, content: bytes) -> Path:
        """Unpack and return the folder. Blocking. Raises UnsafeCode, also if the hash is wrong.

        The folder appears whole or not at all; of two processes that add the same code, the
        second keeps the first one's folder.
        """
        if hashlib.sha256(content).hexdigest() != sha256:
            raise UnsafeCode(f"Code {sha256} arrived with another hash")
        self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        unpacked = Path(tempfile.mkdtemp(prefix=".unpacking-", dir=self._root))
        try:
            unpack(content, unpacked)
            folder = self._root / sha256
            try:
                unpacked.rename(folder)
            except OSError:
                if not folder.is_dir():
                    raise
            _flush(self._root)
            return folder
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
