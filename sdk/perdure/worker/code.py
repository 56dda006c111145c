"""A function's folder as one zip with one hash.

The hash is the identity of the code: the same files give the same bytes on every machine. So
names are sorted, times are fixed, and entries are stored, not deflated, since the output of
deflate differs between builds of zlib.
"""

from __future__ import annotations

import hashlib
import io
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

MAX_ZIP_BYTES = 64 * 1024 * 1024
MAX_FILES = 20_000

_EARLIEST = (1980, 1, 1, 0, 0, 0)


class CodeTooLarge(Exception):
    """The folder has more bytes or files than an artifact may have; it can be served, live."""


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
    return pack_files(folder.files(), _too_large(folder))


def pack_files(
    files: Iterable[tuple[str, Path]], too_large: str, *, compression: int = zipfile.ZIP_STORED
) -> PackedCode:
    """Names, in the order of the zip, and what they hold. Blocking. Raises CodeTooLarge with that
    text as soon as a limit is passed."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for count, (name, path) in enumerate(files, 1):
            if count > MAX_FILES:
                raise CodeTooLarge(too_large)
            try:
                size = path.stat().st_size if compression == zipfile.ZIP_STORED else 0
                if buffer.tell() + size > MAX_ZIP_BYTES:
                    raise CodeTooLarge(too_large)
                content = path.read_bytes()
                executable = os.access(path, os.X_OK)
            except OSError:
                continue  # gone since it was listed
            entry = zipfile.ZipInfo(name, _EARLIEST)
            entry.compress_type = compression
            entry.create_system = 3  # Unix, whatever this machine is
            entry.external_attr = (stat.S_IFREG | (0o755 if executable else 0o644)) << 16
            archive.writestr(entry, content)
    packed = buffer.getvalue()
    if len(packed) > MAX_ZIP_BYTES:
        raise CodeTooLarge(too_large)
    return PackedCode(hashlib.sha256(packed).hexdigest(), packed)


def _too_large(folder: CodeFolder) -> str:
    return (
        f"{folder.path} holds more than {MAX_ZIP_BYTES // 1024**2} MiB or {MAX_FILES} files: "
        "it is served as it is, but no version of it can be published. Keep the handler in a "
        "folder of its own."
    )
