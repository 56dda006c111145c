"""A folder as a zip with a hash, and such a zip as a folder."""

from __future__ import annotations

import fcntl
import hashlib
import io
import os
import stat
import zipfile
from pathlib import Path

import pytest

from perdure.worker import code, code_cache
from perdure.worker.code import CodeFolder, CodeTooLarge, pack
from perdure.worker.code_cache import CodeCache
from perdure.worker.unpack import UnsafeCode


def write(folder: Path, **files: str) -> CodeFolder:
    for name, text in files.items():
        file = folder / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return CodeFolder(folder)


def names(content: bytes) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(content)).namelist()


def zip_of(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for entry, content in entries:
            archive.writestr(entry, content)
    return buffer.getvalue()


def add(cache: CodeCache, content: bytes) -> Path:
    with cache.add(hashlib.sha256(content).hexdigest(), content) as held:
        return held.folder


def has(cache: CodeCache, content: bytes) -> bool:
    held = cache.hold(hashlib.sha256(content).hexdigest())
    if held is not None:
        held.close()
    return held is not None


def test_the_same_files_give_the_same_bytes_whenever_they_were_written(tmp_path: Path) -> None:
    one = write(tmp_path / "one", b="2", a="1", sub__c="3")
    two = write(tmp_path / "two", sub__c="3", a="1", b="2")
    os.utime(tmp_path / "two" / "a", (1, 1))
    assert pack(one) == pack(two)
    assert names(pack(one).content) == ["a", "b", "sub/c"]


def test_an_edit_gives_another_hash(tmp_path: Path) -> None:
    folder = write(tmp_path, a="1")
    before = pack(folder)
    write(tmp_path, a="2")
    assert pack(folder).sha256 != before.sha256


def test_what_is_not_code_is_left_out(tmp_path: Path) -> None:
    folder = write(tmp_path, a="1")
    for path in (
        ".hidden",
        ".git/config",
        "__pycache__/a.pyc",
        "old.pyc",
        "my venv/pyvenv.cfg",
        "my venv/lib/x.py",
        "data/postgres/file",
        "node_modules/x/index.js",
    ):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x")
    folder = CodeFolder(folder.path, frozenset({tmp_path / "data"}))
    assert names(pack(folder).content) == ["a", "node_modules/x/index.js"]
    kept = {path for path in tmp_path.rglob("*") if path.is_file() and folder.holds(path)}
    assert kept == {tmp_path / "a", tmp_path / "node_modules/x/index.js"}
    assert not folder.holds(tmp_path.parent / "elsewhere.py")


def test_links_are_followed_and_circles_end(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", a="1")
    write(tmp_path / "shared", b="2")
    (tmp_path / "code" / "lib").symlink_to(tmp_path / "shared")
    (tmp_path / "shared" / "back").symlink_to(tmp_path / "code")
    (tmp_path / "code" / "broken").symlink_to(tmp_path / "nowhere")
    assert names(pack(folder).content) == ["a", "lib/b"]


def test_a_folder_beyond_the_limits_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write(tmp_path, a="1", b="2")
    monkeypatch.setattr(code, "MAX_FILES", 1)
    with pytest.raises(CodeTooLarge, match="no version of it can be published"):
        pack(folder)
    monkeypatch.setattr(code, "MAX_FILES", 2)
    monkeypatch.setattr(code, "MAX_ZIP_BYTES", 100)
    with pytest.raises(CodeTooLarge):
        pack(folder)


def test_unpacked_code_is_the_packed_folder(tmp_path: Path) -> None:
    folder = write(tmp_path / "code", a="1", sub__run="2")
    (tmp_path / "code" / "sub" / "run").chmod(0o755)
    packed = pack(folder)
    cache = CodeCache(tmp_path / "cache")
    assert not has(cache, packed.content)
    unpacked = add(cache, packed.content)
    assert has(cache, packed.content)
    assert pack(CodeFolder(unpacked)) == packed
    assert (unpacked / "sub" / "run").stat().st_mode & stat.S_IXUSR


def test_code_that_was_added_meanwhile_is_kept(tmp_path: Path) -> None:
    packed = pack(write(tmp_path / "code", a="1"))
    cache = CodeCache(tmp_path / "cache")
    first = add(cache, packed.content)
    (first / "a").write_text("in use")
    assert add(cache, packed.content) == first
    assert (first / "a").read_text() == "in use"
    assert folders_in(tmp_path / "cache") == [packed.sha256]


def folders_in(cache: Path) -> list[str]:
    return [path.name for path in cache.iterdir() if path.is_dir()]


def test_the_code_that_was_used_least_recently_makes_room(tmp_path: Path) -> None:
    contents = [zip_of((f"{n}", os.urandom(1000))) for n in range(4)]
    cache = CodeCache(tmp_path / "cache", max_bytes=2500)
    for content in contents[:2]:
        add(cache, content)
    age(tmp_path / "cache")
    assert has(cache, contents[0])  # and so it is used
    add(cache, contents[2])
    assert [has(cache, content) for content in contents] == [True, False, True, False]
    assert len(folders_in(tmp_path / "cache")) == 2


def age(cache: Path) -> None:
    """Each was used a second after the one before it, an hour ago."""
    for n, use in enumerate(sorted(cache.glob("*.use"), key=lambda use: use.stat().st_mtime_ns)):
        os.utime(use, (n, n))


def test_code_that_somebody_runs_is_never_taken_away(tmp_path: Path) -> None:
    contents = [zip_of((f"{n}", os.urandom(1000))) for n in range(3)]
    one, other = (CodeCache(tmp_path / "cache", max_bytes=1500) for _ in range(2))
    with one.add(hashlib.sha256(contents[0]).hexdigest(), contents[0]) as held:
        add(other, contents[1])
        add(other, contents[2])
        assert (held.folder / "0").is_file()
    assert [has(one, content) for content in contents] == [True, False, True]
    add(one, contents[1])
    assert not has(other, contents[0])


def test_a_cache_that_a_stopped_neighbour_holds_is_not_waited_for_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(code_cache, "_LOCK_SECONDS", 0.05)
    content = zip_of(("a", b"1"))
    add(CodeCache(tmp_path), content)
    with (tmp_path / ".lock").open("wb") as neighbours:
        fcntl.flock(neighbours, fcntl.LOCK_EX)
        with pytest.raises(OSError, match=r"another process has held .*/\.lock for 0\.05 s"):
            has(CodeCache(tmp_path), content)
    assert has(CodeCache(tmp_path), content)


def test_what_a_killed_worker_had_begun_to_unpack_is_thrown_away(tmp_path: Path) -> None:
    old, new = tmp_path / ".unpacking-old", tmp_path / ".unpacking-new"
    for folder in (old, new):
        (folder / "lib").mkdir(parents=True)
    os.utime(old, (1, 1))
    add(CodeCache(tmp_path), zip_of(("a", b"1")))
    assert (old.exists(), new.exists()) == (False, True)


def test_others_can_read_the_code_that_they_know_the_hash_of(tmp_path: Path) -> None:
    umask = os.umask(0o077)
    try:
        folder = add(CodeCache(tmp_path / "cache"), zip_of(("sub/a", b"x")))
    finally:
        os.umask(umask)
    modes = [path.stat().st_mode & 0o777 for path in (folder, folder / "sub", folder / "sub" / "a")]
    assert modes == [0o755, 0o755, 0o644]


def link(name: str, mode: int = stat.S_IFLNK | 0o777) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name)
    entry.create_system = 3
    entry.external_attr = mode << 16
    return entry


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(b"no zip", "not a readable zip", id="no-zip"),
        pytest.param(zip_of(("/etc/cron.d/x", b"x")), "outside of its folder", id="absolute"),
        pytest.param(zip_of(("../x", b"x")), "outside of its folder", id="parent"),
        pytest.param(zip_of(("a/../../x", b"x")), "outside of its folder", id="parent-within"),
        pytest.param(zip_of(("a\\..\\x", b"x")), "outside of its folder", id="backslashes"),
        pytest.param(zip_of((link("a"), b"/etc/passwd")), "link out of", id="link-to-root"),
        pytest.param(zip_of((link("a/b"), b"../../x")), "link out of", id="link-up"),
        pytest.param(
            zip_of((link("a/b/up"), b"../.."), (link("a/b/c"), b"up/../x")),
            "link out of",
            id="link-through-a-link",
        ),
        pytest.param(zip_of((link("a"), b"."), ("a/x", b"x")), "cannot be", id="through-a-link"),
        pytest.param(zip_of((link("a"), b"..")), "link out of", id="link-to-parent"),
        pytest.param(zip_of((link("a"), b"x" * 5000)), "too long", id="long-link"),
        pytest.param(zip_of((link("a", stat.S_IFIFO | 0o644), b"")), "no file", id="fifo"),
        pytest.param(zip_of(("a", b"x"), ("./a", b"y")), "twice", id="twice"),
        pytest.param(
            zip_of(("a", b"x"), ("a/b", b"y")), "cannot be unpacked", id="file-and-folder"
        ),
        pytest.param(
            zip_of(("bomb", b"\0" * 20_000_000)), "would unpack to 20000000 bytes", id="bomb"
        ),
        pytest.param(zip_of(("a", b"x" * 100))[:-30], "not a readable zip", id="cut-short"),
    ],
)
def test_a_zip_that_would_do_harm_leaves_nothing_behind(
    tmp_path: Path, content: bytes, message: str
) -> None:
    with pytest.raises(UnsafeCode, match=message):
        add(CodeCache(tmp_path / "cache"), content)
    assert [*tmp_path.iterdir()] == [tmp_path / "cache"]
    assert folders_in(tmp_path / "cache") == []


def test_links_within_the_code_are_kept(tmp_path: Path) -> None:
    bins = "node_modules/.bin/tool"
    content = zip_of((link(bins), b"../tool/run.js"), ("node_modules/tool/run.js", b"x"))
    folder = add(CodeCache(tmp_path / "cache"), content)
    assert (folder / bins).is_symlink()
    assert (folder / bins).read_text() == "x"


def test_a_zip_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    honest = zip_of(("a", b"x" * 1000))
    lying = honest.replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    with pytest.raises(UnsafeCode):
        add(CodeCache(tmp_path / "cache"), lying)


def test_code_under_a_wrong_hash_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnsafeCode, match="another hash"):
        CodeCache(tmp_path / "cache").add("0" * 64, zip_of(("a", b"x")))
