"""What a zip of code may hold."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile

import pytest

from perdure_service.domain.code_archive import MAX_FILES, check_archive
from perdure_service.domain.errors import InvalidParameterValue


def entry(name: str, mode: int = stat.S_IFREG | 0o644) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.filename = info.orig_filename = name
    info.external_attr = mode << 16
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def zipped(*entries: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of a name that is there twice
        with zipfile.ZipFile(buffer, "w") as file:
            for name, content in entries:
                file.writestr(entry(name) if isinstance(name, str) else name, content)
    return buffer.getvalue()


def link(name: str, target: str) -> tuple[zipfile.ZipInfo, bytes]:
    return entry(name, stat.S_IFLNK | 0o777), target.encode()


def test_code_with_folders_and_links_within_is_fine() -> None:
    check_archive(
        zipped(
            (entry("pkg/", stat.S_IFDIR | 0o755), b""),
            ("app.py", b"x"),
            ("pkg/a/b.py", b"y"),
            ("..data/…/ok", b""),
            link("pkg/a/up", "../../app.py"),
            link("current", "pkg/a"),
        )
    )


def test_an_entry_without_a_name_is_refused() -> None:
    archive = zipped(("Q", b"x")).replace(b"Q", b"\0")
    with pytest.raises(InvalidParameterValue, match="Could not unzip"):
        check_archive(archive)


@pytest.mark.parametrize(
    "name",
    ["../app.py", "a/../../b", "/etc/passwd", "a//b", "./a", "a\\b", "C:/a", "a\0b", "..", "a/./b"],
)
def test_a_name_that_is_no_path_within_is_refused(name: str) -> None:
    with pytest.raises(InvalidParameterValue, match="is no path within the zip"):
        check_archive(zipped(("ok", b""), (name, b"x")))


@pytest.mark.parametrize(
    ("name", "target"),
    [
        ("l", "/etc/passwd"),
        ("l", "../outside"),
        ("a/l", "../../outside"),
        ("l", "a/../../outside"),
        ("l", ""),
        ("l", "a\\b"),
    ],
)
def test_a_link_that_leads_out_is_refused(name: str, target: str) -> None:
    with pytest.raises(InvalidParameterValue, match="leads out of the zip"):
        check_archive(zipped(("a/ok", b""), link(name, target)))


def test_nothing_lies_below_a_link_or_a_file() -> None:
    for above in (link("a", "b"), ("a", b"x")):
        with pytest.raises(InvalidParameterValue, match="is a file and a folder"):
            check_archive(zipped(above, ("a/b", b"y")))


def test_a_name_is_there_once() -> None:
    with pytest.raises(InvalidParameterValue, match="is in the zip twice"):
        check_archive(zipped(("a", b"1"), ("a", b"2")))


def test_a_device_is_no_code() -> None:
    with pytest.raises(InvalidParameterValue, match="neither a file nor a folder"):
        check_archive(zipped((entry("tty", stat.S_IFCHR | 0o666), b"")))


@pytest.mark.parametrize("archive", [b"", b"PK", b"no zip at all", zipped(("a", b"x" * 999))[:-30]])
def test_what_is_no_whole_zip_is_refused(archive: bytes) -> None:
    with pytest.raises(InvalidParameterValue, match="Could not unzip uploaded file"):
        check_archive(archive)


def test_broken_data_is_found_when_it_is_uploaded() -> None:
    archive = bytearray(zipped((zipfile.ZipInfo("a"), b"contents")))
    archive[archive.index(b"contents")] ^= 1
    with pytest.raises(InvalidParameterValue, match="Could not unzip uploaded file"):
        check_archive(bytes(archive))


def test_an_empty_zip_is_refused() -> None:
    for archive in (zipped(), zipped((entry("a/", stat.S_IFDIR | 0o755), b""))):
        with pytest.raises(InvalidParameterValue, match="must be a non-empty zip"):
            check_archive(archive)


def test_a_zip_bomb_is_refused_before_it_is_unpacked() -> None:
    block = bytes(1024 * 1024)
    with pytest.raises(InvalidParameterValue, match="more than 200 times its size"):
        check_archive(zipped(*((f"{n}", block) for n in range(20))))
    with pytest.raises(InvalidParameterValue, match="smaller than 262144000 bytes"):
        check_archive(zipped(*((f"{n}", block) for n in range(251))))


def test_a_size_that_is_a_lie_is_found() -> None:
    archive = bytearray(zipped(("a", bytes(100_000))))
    central = archive.index(b"PK\x01\x02")
    archive[central + 24 : central + 28] = (10).to_bytes(4, "little")
    with pytest.raises(InvalidParameterValue, match="Could not unzip uploaded file"):
        check_archive(bytes(archive))


def test_there_may_not_be_too_many_files() -> None:
    with pytest.raises(InvalidParameterValue, match=f"and may have {MAX_FILES}"):
        check_archive(zipped(*((f"{n}", b"") for n in range(MAX_FILES + 1))))


def test_encrypted_and_strange_entries_are_refused() -> None:
    archive = bytearray(zipped(("a", b"x")))
    archive[archive.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InvalidParameterValue, match="is encrypted"):
        check_archive(bytes(archive))
    strange = entry("a")
    strange.compress_type = zipfile.ZIP_LZMA
    with pytest.raises(InvalidParameterValue, match="deflate it"):
        check_archive(zipped((strange, b"x")))
