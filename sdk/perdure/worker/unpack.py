"""A zip of code as a folder again. Whoever made the zip is not trusted."""

from __future__ import annotations

import io
import os
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath

from perdure.worker.code import MAX_FILES

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_RATIO = 200
"""A zip may grow by this factor when unpacked; text with much repetition reaches 20."""

_CHUNK_BYTES = 1024 * 1024


class UnsafeCode(Exception):
    """A zip holds what must not be written to disk; nothing of it was kept."""


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
