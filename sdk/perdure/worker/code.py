"""A function's folder as one zip with one hash, and such a zip as a folder again.

The hash is the identity of the code: the same files give the same bytes on every machine. So
names are sorted, times are fixed, and entries are stored, not deflated, since the output of
deflate differs between builds of zlib.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

MAX_ZIP_BYTES = 64 * 1024 * 1024
MAX_FILES = 20_000
MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_RATIO = 200
"""A zip may grow by this factor when unpacked; text with much repetition reaches 20."""

_EARLIEST = (1980, 1, 1, 0, 0, 0)
_CHUNK_BYTES = 1024 * 1024


class CodeTooLarge(Exception):
    """The folder has more bytes or files than an artifact may have; it can be served, live."""


class UnsafeCode(Exception):
    """A zip holds what must not be written to disk; nothing of it was kept."""


@dataclass(frozen=True, slots=True)
class PackedCode:
    """A zip and its SHA-256 in hex."""

    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True)
class CodeFolder:
    """A folder with a function's code, less what is not code.

    Hidden files, byte code, virtual environments and `excluded` (absolute: the service's data,
    if it lies within) are no part of it.
    """

    path: Path
    excluded: frozenset[Path] = frozenset()

    def holds(self, path: Path) -> bool:
        """Whether a path, which need not exist any more, is part of the code."""
        try:
            parts = path.relative_to(self.path).parts
        except ValueError:
            return False
        parents = [self.path.joinpath(*parts[:depth]) for depth in range(1, len(parts))]
        return all(_is_code_name(part) for part in parts) and not any(
            folder in self.excluded or _is_virtual_environment(folder) for folder in parents
        )

    def files(self) -> Iterator[tuple[str, Path]]:
        """Name within the folder (with slashes) and path of every file, sorted by name."""
        yield from sorted(self._walk(self.path, "", frozenset()))

    def _walk(
        self, folder: Path, prefix: str, above: frozenset[tuple[int, int]]
    ) -> Iterator[tuple[str, Path]]:
        try:
            itself = folder.stat()
            entries = list(os.scandir(folder))
        except OSError:
            return  # vanished or closed to us: an import would not find it either
        identity = (itself.st_dev, itself.st_ino)
        if identity in above:
            return  # a link to a folder that holds the link
        for entry in entries:
            path = folder / entry.name
            if not _is_code_name(entry.name) or path in self.excluded:
                continue
            if entry.is_dir():
                if not _is_virtual_environment(path):
                    yield from self._walk(path, f"{prefix}{entry.name}/", above | {identity})
            elif entry.is_file():
                yield f"{prefix}{entry.name}", path


def _is_code_name(name: str) -> bool:
    if name.startswith(".") or name == "__pycache__" or name.endswith(".pyc"):
        return False
    # A zip's names are text; a name that is only bytes cannot be imported either.
    return not any("\ud800" <= character <= "\udfff" for character in name)


def _is_virtual_environment(folder: Path) -> bool:
    return (folder / "pyvenv.cfg").is_file()


def pack(folder: CodeFolder) -> PackedCode:
    """Blocking. Raises CodeTooLarge as soon as a limit is passed."""
    buffer = io.BytesIO()
    count = 0
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name, path in folder.files():
            try:
                size = path.stat().st_size
                if buffer.tell() + size > MAX_ZIP_BYTES:
                    raise CodeTooLarge(_too_large(folder))
                content = path.read_bytes()
                executable = os.access(path, os.X_OK)
            except OSError:
                continue  # gone since it was listed
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(entry, content)
            count += 1
            if count > MAX_FILES:
                raise CodeTooLarge(_too_large(folder))
    packed = buffer.getvalue()
    if len(packed) > MAX_ZIP_BYTES:
        raise CodeTooLarge(_too_large(folder))
    return PackedCode(hashlib.sha256(packed).hexdigest(), packed)


def _too_large(folder: CodeFolder) -> str:
    return (
        f"{folder.path} holds more than {MAX_ZIP_BYTES // 1024**2} MiB or {MAX_FILES} files: "
        "it is served as it is, but no version of it can be published. Keep the handler in a "
        "folder of its own."
    )


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


def unpack(content: bytes, into: Path) -> None:
    """Write a zip's files below the empty folder `into`. Raises UnsafeCode for anything odd."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check(entries, len(content))
            budget = MAX_UNPACKED_BYTES
            for entry in entries:
                target = into.joinpath(*PurePosixPath(entry.filename).parts)
                if entry.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                    continue
                target.parent.mkdir(parents=True, exist_ok=True)
                budget -= _extract(archive, entry, target, budget)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as error:
        raise UnsafeCode(f"The code is not a readable zip: {error}") from error
    except OSError as error:
        raise UnsafeCode(f"The code cannot be unpacked: {error}") from error


def _check(entries: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    if len(entries) > MAX_FILES:
        raise UnsafeCode(f"The code has more than {MAX_FILES} files")
    unpacked_bytes = sum(entry.file_size for entry in entries)
    if unpacked_bytes > min(MAX_UNPACKED_BYTES, MAX_RATIO * packed_bytes):
        raise UnsafeCode(f"The code would unpack to {unpacked_bytes} bytes")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
            raise UnsafeCode(f"The code has a file outside of its folder: {name!r}")
        if stat.S_IFMT(entry.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise UnsafeCode(f"The code has something that is no file: {name!r}")
        if str(path) in seen:
            raise UnsafeCode(f"The code has {name!r} twice")
        seen.add(str(path))


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int) -> int:
    written = 0
    mode = 0o755 if (entry.external_attr >> 16) & stat.S_IXUSR else 0o644
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with archive.open(entry) as source, os.fdopen(descriptor, "wb") as file:
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > budget:
                raise UnsafeCode(f"The code unpacks to more than {MAX_UNPACKED_BYTES} bytes")
            file.write(chunk)
        file.flush()
        # The folder's name promises its content, after a power cut too.
        os.fsync(file.fileno())
    return written


def _flush(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
