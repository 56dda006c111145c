"""A zip of code as a folder again. Whoever made the zip is not trusted."""

from __future__ import annotations

import io
import os
import re
import stat
import zipfile
from pathlib import Path, PurePosixPath

from perdure.worker.code import MAX_FILES

MAX_UNPACKED_BYTES = 512 * 1024 * 1024
MAX_RATIO = 200
"""A zip may grow by this factor when unpacked, beyond the first 16 MiB; text with much repetition
reaches 20."""

_CHUNK_BYTES = 1024 * 1024
_UNSUSPICIOUS_BYTES = 16 * 1024 * 1024
_LONGEST_TARGET = 4096


class UnsafeCode(Exception):
    """A zip holds what must not be written to disk; nothing of it was kept."""


def unpack(content: bytes, into: Path) -> int:
    """Write a zip's files below the empty folder `into`; the bytes written.

    Others can read all of it. Links are kept if they lead to somewhere within. Raises UnsafeCode
    for anything odd.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            _check(entries, len(content))
            left = MAX_UNPACKED_BYTES
            links = [entry for entry in entries if _is_link(entry)]
            for entry in entries:
                target = into.joinpath(*PurePosixPath(entry.filename).parts)
                if entry.is_dir():
                    _make_folder(target, into)
                elif not _is_link(entry):
                    _make_folder(target.parent, into)
                    left -= _extract(archive, entry, target, left)
            # Last, so that nothing is written through one.
            for entry in links:
                _link(archive, entry, into)
            for entry in links:
                _check_link(into.joinpath(entry.filename), into)
            return MAX_UNPACKED_BYTES - left
    except UnsafeCode:
        raise
    except OSError as error:
        raise UnsafeCode(f"The code cannot be unpacked: {error}") from error
    except Exception as error:
        # zipfile passes on whatever the bytes lead its parsers to.
        raise UnsafeCode(f"The code is not a readable zip: {error}") from error


def _check(entries: list[zipfile.ZipInfo], packed_bytes: int) -> None:
    if len(entries) > MAX_FILES:
        raise UnsafeCode(f"The code has more than {MAX_FILES} files")
    unpacked_bytes = sum(entry.file_size for entry in entries)
    plausible_bytes = max(_UNSUSPICIOUS_BYTES, MAX_RATIO * packed_bytes)
    if unpacked_bytes > min(MAX_UNPACKED_BYTES, plausible_bytes):
        raise UnsafeCode(f"The code would unpack to {unpacked_bytes} bytes")
    seen: set[str] = set()
    for entry in entries:
        name = entry.filename
        path = PurePosixPath(name)
        if path.is_absolute() or ".." in path.parts or not path.parts or "\\" in name:
            raise UnsafeCode(f"The code has a file outside of its folder: {name!r}")
        if stat.S_IFMT(entry.external_attr >> 16) not in _KINDS:
            raise UnsafeCode(f"The code has something that is no file: {name!r}")
        if str(path) in seen and not entry.is_dir():
            raise UnsafeCode(f"The code has {name!r} twice")
        seen.add(str(path))


_KINDS = frozenset({0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK})


def _is_link(entry: zipfile.ZipInfo) -> bool:
    return stat.S_ISLNK(entry.external_attr >> 16) and not entry.is_dir()


def _make_folder(folder: Path, into: Path) -> None:
    if folder == into or folder.is_dir():
        return
    _make_folder(folder.parent, into)
    folder.mkdir()
    folder.chmod(0o755)  # whatever the umask is


def _extract(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path, budget: int) -> int:
    written = 0
    mode = 0o755 if (entry.external_attr >> 16) & stat.S_IXUSR else 0o644
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with archive.open(entry) as source, os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        while chunk := source.read(_CHUNK_BYTES):
            written += len(chunk)
            if written > budget:
                raise UnsafeCode(f"The code unpacks to more than {MAX_UNPACKED_BYTES} bytes")
            file.write(chunk)
        file.flush()
        # The folder's name promises its content, after a power cut too.
        os.fsync(file.fileno())
    return written


def _link(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, into: Path) -> None:
    if entry.file_size > _LONGEST_TARGET:
        raise UnsafeCode(f"The code has a link that is too long: {entry.filename!r}")
    link = into.joinpath(*PurePosixPath(entry.filename).parts)
    if not _is_within(Path(os.path.realpath(link.parent)), into):
        raise UnsafeCode(f"The code has a file outside of its folder: {entry.filename!r}")
    _make_folder(link.parent, into)
    # realpath loses its way where a circle has two slashes in a row.
    link.symlink_to(re.sub("//+", "/", os.fsdecode(archive.read(entry))))


def _check_link(link: Path, into: Path) -> None:
    # Only now do links lead where they will lead: one may go through another.
    target = os.readlink(link)
    # realpath takes circles, which lead nowhere.
    if target.startswith("/") or not _is_within(Path(os.path.realpath(link)), into):
        raise UnsafeCode(f"The code has a link out of its folder: {link.name!r} to {target!r}")


def _is_within(place: Path, into: Path) -> bool:
    return place.is_relative_to(os.path.realpath(into))
