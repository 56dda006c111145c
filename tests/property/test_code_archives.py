"""What the service takes for code, workers unpack, and nothing of it lands elsewhere."""

from __future__ import annotations

import io
import os
import stat
import tempfile
import warnings
import zipfile
from contextlib import suppress
from pathlib import Path

from hypothesis import event, given
from hypothesis import strategies as st

from perdure.worker.unpack import UnsafeCode, unpack
from perdure_service.domain.code_archive import check_archive
from perdure_service.domain.errors import InvalidParameterValue

PATHS = st.lists(
    st.sampled_from(["a", "b", "lib", "..", ".", "", "x\\y", "c:"]), min_size=1, max_size=4
).map("/".join)
KINDS = st.sampled_from([stat.S_IFREG, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, 0])


@st.composite
def entries(draw: st.DrawFn) -> tuple[zipfile.ZipInfo, bytes]:
    kind = draw(KINDS)
    entry = zipfile.ZipInfo(draw(PATHS.filter(bool)) + draw(st.sampled_from(["", "", "/"])))
    entry.create_system = 3
    entry.external_attr = (kind | 0o755) << 16
    content = draw(PATHS).encode() if kind == stat.S_IFLNK else draw(st.binary(max_size=20))
    return entry, content


def zip_of(members: list[tuple[zipfile.ZipInfo, bytes]]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that names are there twice
        for entry, content in members:
            archive.writestr(entry, content)
    return buffer.getvalue()


@given(st.lists(entries(), max_size=5))
def test_what_the_service_takes_is_unpacked_and_stays_within(
    members: list[tuple[zipfile.ZipInfo, bytes]],
) -> None:
    archive = zip_of(members)
    try:
        check_archive(archive)
        accepted = True
    except InvalidParameterValue:
        accepted = False
    event(f"accepted: {accepted}")
    with tempfile.TemporaryDirectory() as name:
        around = Path(name).resolve()
        into = around / "deep" / "code"
        into.mkdir(parents=True)
        try:
            unpack(archive, into)
        except UnsafeCode:
            assert not accepted
        # A refused one may be there in part; whoever unpacks removes the folder.
        outside = {path for path in around.rglob("*") if not path.is_relative_to(into)}
        assert outside == {around / "deep"}
        assert not accepted or all(_stays(path, into) for path in into.rglob("*"))


@given(
    st.lists(entries(), min_size=1, max_size=3),
    st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_damaged_archive_is_refused_by_both_and_breaks_neither(
    members: list[tuple[zipfile.ZipInfo, bytes]], changes: list[tuple[int, int]]
) -> None:
    damaged = bytearray(zip_of(members))
    for place, byte in changes:
        damaged[place % len(damaged)] = byte
    with suppress(InvalidParameterValue):
        check_archive(bytes(damaged))
    with (
        tempfile.TemporaryDirectory() as name,
        warnings.catch_warnings(),
        suppress(UnsafeCode),
    ):
        warnings.simplefilter("ignore")
        unpack(bytes(damaged), Path(name))


def _stays(path: Path, into: Path) -> bool:
    if not path.is_symlink():
        return True
    target = os.path.realpath(path)
    return Path(target).is_relative_to(into)
