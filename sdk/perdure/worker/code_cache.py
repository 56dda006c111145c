"""Unpacked code on disk, by hash, up to a size. Several processes may share one cache.

SHA256/         the code
SHA256.use      its size in bytes; locked by whoever runs the code, touched when one begins to
.lock           held for the moment in which folders come, go or are taken into use
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from perdure.worker.clock import epoch_milliseconds
from perdure.worker.unpack import UnsafeCode, unpack

DEFAULT_MAX_BYTES: Final = 4 * 1024**3

_USE = ".use"
_REMOVED = ".removed-"
_UNPACKING = ".unpacking-"
_LOCK_SECONDS = 30.0
_LOCK_PAUSE_SECONDS = 0.005
_LEFT_BEHIND_SECONDS = 3_600
"""No unpacking takes so long: whoever began it has died."""


class HeldCode:
    """Code that stays on disk until it is let go, here or by the end of this process."""

    def __init__(self, folder: Path, descriptor: int) -> None:
        self.folder = folder
        self._descriptor = descriptor

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __del__(self) -> None:
        self.close()  # of a thread whose task was cancelled, nobody takes the result


@dataclass(frozen=True, slots=True, order=True)
class _Entry:
    used_at: float
    sha256: str
    size: int


class CodeCache:
    """All methods block, for as long as the disk takes."""

    def __init__(self, root: Path, max_bytes: int = DEFAULT_MAX_BYTES) -> None:
        self._root = root
        self._max_bytes = max_bytes

    def hold(self, sha256: str) -> HeldCode | None:
        """The code, if it is here."""
        if not self._root.is_dir():
            return None
        with self._locked():
            return self._hold(sha256)

    def add(self, sha256: str, content: bytes) -> HeldCode:
        """Unpack and hold. Raises UnsafeCode, also if the hash is wrong, or OSError.

        The folder appears whole or not at all; of two processes that add the same code, the
        second keeps the first one's folder. What makes room is the code that was least recently
        taken into use and that nobody runs.
        """
        if hashlib.sha256(content).hexdigest() != sha256:
            raise UnsafeCode(f"Code {sha256} arrived with another hash")
        # Other users may read what they know the hash of, and nothing else.
        self._root.mkdir(parents=True, exist_ok=True, mode=0o711)
        unpacked = Path(tempfile.mkdtemp(prefix=_UNPACKING, dir=self._root))
        try:
            size = unpack(content, unpacked)
            unpacked.chmod(0o755)
            with self._locked():
                if (held := self._hold(sha256)) is None:
                    (self._root / f"{sha256}{_USE}").write_text(str(size))
                    unpacked.rename(self._root / sha256)
                    _flush(self._root)
                    held = self._hold(sha256)
                assert held is not None
                self._make_room()
        finally:
            shutil.rmtree(unpacked, ignore_errors=True)
        for removed in [*self._root.glob(f"{_REMOVED}*"), *self._left_behind()]:
            shutil.rmtree(removed, ignore_errors=True)
        return held

    def _hold(self, sha256: str) -> HeldCode | None:
        folder = self._root / sha256
        if not folder.is_dir():
            return None
        descriptor = os.open(self._root / f"{sha256}{_USE}", os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        os.utime(descriptor)
        return HeldCode(folder, descriptor)

    def _left_behind(self) -> Iterator[Path]:
        latest = epoch_milliseconds() / 1000 - _LEFT_BEHIND_SECONDS
        for folder in self._root.glob(f"{_UNPACKING}*"):
            with suppress(OSError):  # of somebody who is done just now
                if folder.stat().st_mtime < latest:
                    yield folder

    def _make_room(self) -> None:
        entries = sorted(self._entries())
        size = sum(entry.size for entry in entries)
        for entry in entries:
            if size <= self._max_bytes:
                return
            if self._remove(entry.sha256):
                size -= entry.size

    def _entries(self) -> Iterator[_Entry]:
        for use in self._root.glob(f"*{_USE}"):
            yield _Entry(use.stat().st_mtime, use.name.removesuffix(_USE), _number(use.read_text()))

    def _remove(self, sha256: str) -> bool:
        use = self._root / f"{sha256}{_USE}"
        with use.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            folder = self._root / sha256
            if folder.is_dir():
                folder.rename(self._root / f"{_REMOVED}{sha256}-{os.getpid()}")
            use.unlink()
        return True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        with (self._root / ".lock").open("wb") as file:
            self._lock(file.fileno())
            yield

    def _lock(self, descriptor: int) -> None:
        """Whoever has it needs it for a moment only, unless it is stopped."""
        deadline = time.monotonic() + _LOCK_SECONDS
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(
                        f"another process has held {self._root / '.lock'} for {_LOCK_SECONDS:g} s"
                    ) from None
                time.sleep(_LOCK_PAUSE_SECONDS)
            else:
                return


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
