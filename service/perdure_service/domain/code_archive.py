"""What a zip of code may hold: checked before it is kept, so that whoever unpacks it is safe."""

from __future__ import annotations

import io
import stat
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import field
from pathlib import PurePosixPath

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.frozen import frozen
from perdure_service.domain.limits import MEBIBYTE

MAX_UNPACKED_BYTES = 250 * MEBIBYTE
MAX_FILES = 20_000
MAX_RATIO = 200
"""How often its own size a zip may unpack to, beyond the first 16 MiB: text with much repetition
reaches 20."""

MAX_CODE_BYTES = 64 * MEBIBYTE
"""Of the zip itself, wherever it comes from."""

_UNSUSPICIOUS_BYTES = 16 * MEBIBYTE
_MAX_LINK_BYTES = 4_096
_ENCRYPTED = 0x1
_CHUNK_BYTES = MEBIBYTE
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_UNREADABLE = "Could not unzip uploaded file. Please check your file, then try to upload again."


@frozen
class CodeArchive:
    """A zip that was checked, and its SHA-256 in hex."""

    sha256: str
    content: bytes = field(repr=False, hash=False)


def check_archive(archive: bytes) -> None:
    """Raises InvalidParameterValue unless `archive` is a whole zip whose entries all stay within
    the folder that it is unpacked to, within the limits. It is read to the end, which takes a
    second for the largest."""
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as file:
            entries = file.infolist()
            _check_sizes(entries, len(archive))
            links: dict[str, str] = {}
            for entry in entries:
                name = _checked_name(entry)
                if stat.S_ISLNK(_mode(entry)):
                    links[name] = _link_target(file, entry)
            _check_tree(entries, links)
            for entry in entries:
                _read_through(file, entry)
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        IndexError,  # an entry without a name
        NotImplementedError,
        UnicodeDecodeError,
        ValueError,
        OverflowError,
    ) as error:
        raise InvalidParameterValue(f"{_UNREADABLE} ({error})") from None


def _check_sizes(entries: Sequence[zipfile.ZipInfo], packed_bytes: int) -> None:
    if not any(not entry.is_dir() for entry in entries):
        raise InvalidParameterValue("Uploaded file must be a non-empty zip")
    if len(entries) > MAX_FILES:
        raise InvalidParameterValue(
            f"The zip has {len(entries)} entries, and may have {MAX_FILES}: bundle the code, or "
            "leave out what it does not need."
        )
    unpacked_bytes = sum(entry.file_size for entry in entries)
    if unpacked_bytes > MAX_UNPACKED_BYTES:
        raise InvalidParameterValue(
            f"Unzipped size must be smaller than {MAX_UNPACKED_BYTES} bytes"
        )
    if unpacked_bytes > max(_UNSUSPICIOUS_BYTES, MAX_RATIO * packed_bytes):
        raise InvalidParameterValue(
            f"The zip would unpack to more than {MAX_RATIO} times its size, as no code does: "
            "leave out what is not code."
        )


def _checked_name(entry: zipfile.ZipInfo) -> str:
    """The path of an entry without a slash at its end."""
    # `filename` is cut at a NUL and has the slashes of this system.
    name = entry.orig_filename
    shown = name[:200]
    if entry.flag_bits & _ENCRYPTED:
        raise InvalidParameterValue(
            f"'{shown}' in the zip is encrypted: add it without a password."
        )
    if entry.compress_type not in _METHODS:
        raise InvalidParameterValue(
            f"'{shown}' in the zip is compressed in a way that not every runtime reads: deflate it."
        )
    path = name.removesuffix("/")
    parts = path.split("/")
    if (
        not path
        or "\0" in name
        or "\\" in name
        or path[1:2] == ":"
        or any(part in ("", ".", "..") for part in parts)
    ):
        raise InvalidParameterValue(
            f"'{shown}' is no path within the zip: use relative names, with '/' between folders "
            "and without '..'."
        )
    kind = stat.S_IFMT(_mode(entry))
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK):
        raise InvalidParameterValue(f"'{shown}' in the zip is neither a file nor a folder.")
    return path


def _link_target(file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> str:
    if entry.file_size > _MAX_LINK_BYTES:
        raise InvalidParameterValue(f"The link '{entry.filename[:200]}' in the zip is too long.")
    return file.read(entry).decode()


def _check_tree(entries: Sequence[zipfile.ZipInfo], links: dict[str, str]) -> None:
    """No two entries of one name, nothing below a file or a link, no link that leads out."""
    leaves: set[str] = set()
    for entry in entries:
        name = entry.orig_filename.removesuffix("/")
        if entry.is_dir():
            continue
        if name in leaves:
            raise InvalidParameterValue(f"'{name[:200]}' is in the zip twice.")
        leaves.add(name)
    for entry in entries:
        path = PurePosixPath(entry.orig_filename.removesuffix("/"))
        above = next((str(one) for one in path.parents if str(one) in leaves), None)
        if above is not None or (entry.is_dir() and str(path) in leaves):
            raise InvalidParameterValue(
                f"'{above or path}' is a file and a folder in the zip: it must be one of them."
            )
    for name, target in links.items():
        if not _stays_within(name, target):
            raise InvalidParameterValue(
                f"The link '{name[:200]}' leads out of the zip: link within it, or copy the file."
            )


def _stays_within(link: str, target: str) -> bool:
    """A link may only go down from a folder that it reaches by going up: `../lib/x`, never
    `lib/../x`, as `lib` may be a link itself."""
    if not target or target.startswith("/") or "\0" in target or "\\" in target:
        return False
    parts = target.split("/")
    ups = next((n for n, part in enumerate(parts) if part not in ("..", ".", "")), len(parts))
    if ".." in parts[ups:]:
        return False
    return parts[:ups].count("..") <= link.count("/")


def _read_through(file: zipfile.ZipFile, entry: zipfile.ZipInfo) -> None:
    """Broken data and wrong checksums show now, not when the function is invoked. Never more than
    the size that was announced is unpacked."""
    with file.open(entry) as content:
        while content.read(_CHUNK_BYTES):
            pass


def _mode(entry: zipfile.ZipInfo) -> int:
    return entry.external_attr >> 16
