"""What goes into the zip of a deployment, and that it is the same each time."""

from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from perdure.cli.deploy.excludes import Excludes
from perdure.cli.deploy.package import package
from perdure.cli.deploy.refusal import CannotDeploy
from perdure.worker.code import PackedCode

RUNTIME = "python3.13"


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}")


def names(code: PackedCode) -> list[str]:
    return zipfile.ZipFile(io.BytesIO(code.content)).namelist()


def test_the_same_files_are_the_same_zip(tmp_path: Path) -> None:
    for number, order in enumerate((["b.py", "a/c.py", "a.py"], ["a.py", "a/c.py", "b.py"])):
        write(tmp_path / str(number), *order)
        os.utime(tmp_path / str(number) / "a.py", (number, number))
    one, other = (package(tmp_path / str(number), RUNTIME) for number in range(2))
    assert one == other
    assert names(one) == ["a.py", "a/c.py", "b.py"]


def test_a_large_folder_is_deflated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("perdure.cli.deploy.package._STORED_BYTES", 1_000)
    (tmp_path / "app.py").write_text("x = 1\n" * 1_000)
    code = package(tmp_path, RUNTIME)
    assert len(code.content) < 1_000
    assert zipfile.ZipFile(io.BytesIO(code.content)).testzip() is None


def test_what_is_no_code_stays_out(tmp_path: Path) -> None:
    write(tmp_path, "app.py", ".env", ".git/config", "__pycache__/app.pyc", "venv/x.py", "notes.md")
    write(tmp_path, "data/big.csv", "data/keep.csv")
    (tmp_path / "venv" / "pyvenv.cfg").touch()
    (tmp_path / ".perdureignore").write_text("*.md\ndata/*\n!data/keep.csv\n")
    assert names(package(tmp_path, RUNTIME)) == ["app.py", "data/keep.csv"]
    assert names(package(tmp_path, RUNTIME, excludes=["data/"])) == ["app.py"]
    with pytest.raises(CannotDeploy, match="holds no code"):
        package(tmp_path, RUNTIME, excludes=["*"])


def test_a_folder_that_is_too_large_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.py", "b.py")
    monkeypatch.setattr("perdure.worker.code.MAX_FILES", 1)
    with pytest.raises(CannotDeploy, match="--exclude"):
        package(tmp_path, RUNTIME)


@pytest.fixture
def wheel(tmp_path: Path) -> Path:
    """A package that needs no index."""
    path = tmp_path / "code" / "greeting-1.0-py3-none-any.whl"
    path.parent.mkdir()
    info = "greeting-1.0.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("greeting/__init__.py", "TEXT = 'hello'\n")
        archive.writestr(
            f"{info}/METADATA", "Metadata-Version: 2.1\nName: greeting\nVersion: 1.0\n"
        )
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/entry_points.txt", "[console_scripts]\nhi = greeting:TEXT\n")
        archive.writestr(f"{info}/RECORD", "")
    return path


def test_requirements_go_into_the_zip_and_own_files_win(wheel: Path) -> None:
    folder = wheel.parent
    write(folder, "app.py")
    (folder / "requirements.txt").write_text(f"--no-index\n./{wheel.name}\n")
    (folder / ".perdureignore").write_text("*.whl\n")
    code = package(folder, RUNTIME)
    assert "greeting/__init__.py" in names(code)
    assert "greeting-1.0.dist-info/METADATA" in names(code)
    assert not [name for name in names(code) if name.startswith("bin/")]
    assert package(folder, RUNTIME) == code
    write(folder, "greeting/__init__.py")
    own = zipfile.ZipFile(io.BytesIO(package(folder, RUNTIME).content))
    assert own.read("greeting/__init__.py") == b"# greeting/__init__.py"
    assert "greeting-1.0.dist-info/METADATA" not in names(package(folder, RUNTIME, install=False))


def test_requirements_that_cannot_be_installed_are_told(tmp_path: Path) -> None:
    write(tmp_path, "app.py")
    (tmp_path / "requirements.txt").write_text("--no-index\nno-such-package==1\n")
    with pytest.raises(CannotDeploy, match="no-such-package"):
        package(tmp_path, RUNTIME)


def test_a_package_json_that_is_none_is_told(tmp_path: Path) -> None:
    write(tmp_path, "index.mjs", "package.json")
    with pytest.raises(CannotDeploy, match=r"package\.json is not JSON"):
        package(tmp_path, "nodejs24.x")
    (tmp_path / "package.json").write_text('{"type": "module"}')
    assert names(package(tmp_path, "nodejs24.x")) == ["index.mjs", "package.json"]


@pytest.mark.javascript
def test_packages_of_node_go_into_the_zip(tmp_path: Path) -> None:
    folder = tmp_path / "code"
    write(folder, "index.mjs", "node_modules/stale/index.js")
    write(tmp_path, "greeting/index.js")
    (tmp_path / "greeting" / "package.json").write_text('{"name": "greeting", "version": "1.0.0"}')
    (folder / "package.json").write_text(
        f'{{"dependencies": {{"greeting": "file:{tmp_path}/greeting"}}}}'
    )
    found = names(package(folder, "nodejs24.x"))
    assert "node_modules/greeting/index.js" in found
    assert "node_modules/stale/index.js" not in found
    assert {"index.mjs", "package.json"} <= set(found)


@pytest.mark.parametrize(
    ("rules", "out", "kept"),
    [
        (["*.log"], ["a.log", "b/c.log"], ["a.logs", "log"]),
        (["/a.py"], ["a.py"], ["b/a.py"]),
        (["build/"], ["build/x", "a/build/y/z"], ["build", "rebuild/x"]),
        (["docs/*.md"], ["docs/a.md"], ["docs/b/a.md", "x/docs/a.md"]),
        (["docs/**"], ["docs/a.md", "docs/b/c"], ["docs2/a"]),
        (["**/tests"], ["tests/a", "x/y/tests/b"], ["tests2/a"]),
        (["a/**/z"], ["a/z", "a/b/c/z"], ["b/a/z", "a/zz"]),
        (["file?.txt"], ["file1.txt"], ["file.txt", "file10.txt"]),
        (["[ab].py", "[!x]y"], ["a.py", "ay"], ["c.py", "xy"]),
        (["*", "!keep.py"], ["a.py", "b/c.py"], ["keep.py"]),
        (["a/", "!a/keep.py"], ["a/keep.py"], ["b.py"]),
        (["# no", "", "\\#yes"], ["#yes"], ["# no", "no"]),
        (["a+b(c).py"], ["a+b(c).py"], ["aab(c).py"]),
    ],
)
def test_patterns_mean_what_they_mean_in_gitignore(
    rules: list[str], out: list[str], kept: list[str]
) -> None:
    excludes = Excludes.of(rules)
    assert [name for name in out if not excludes.excludes(name)] == []
    assert [name for name in kept if excludes.excludes(name)] == []
