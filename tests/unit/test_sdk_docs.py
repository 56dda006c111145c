"""Every code block of docs/sdk runs: the blocks of a page are one file, its tests pass. So does the
README's on our SDK."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import pytest

from perdure.testing import DurableTestRunner

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs" / "sdk").glob("*.md"))
_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def source_of(page: Path) -> str:
    """The blocks, on the lines on which they stand in the page: errors tell those."""
    lines: list[str] = []
    text = page.read_text()
    for block in _BLOCK.finditer(text):
        if page == README and "from perdure import" not in block[1]:
            continue
        lines += [""] * (text.count("\n", 0, block.start(1)) - len(lines))
        lines += block[1].splitlines()
    return "\n".join(lines)


@pytest.fixture
def module(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    page: Path = request.param
    name = f"page_{page.stem.replace('-', '_')}"
    made = types.ModuleType(name)
    monkeypatch.setitem(sys.modules, name, made)  # dataclasses and pickles look for it
    exec(compile(source_of(page), str(page), "exec"), made.__dict__)  # noqa: S102  # our own pages
    return made


def page_tests(module: types.ModuleType) -> Iterator[types.FunctionType]:
    for name, value in list(vars(module).items()):
        if name.startswith("test_"):
            yield value


@pytest.mark.parametrize(
    "module", [README, *PAGES], ids=[page.name for page in [README, *PAGES]], indirect=True
)
def test_the_code_of_a_page_runs_and_its_tests_pass(module: types.ModuleType) -> None:
    for test in page_tests(module):
        marks = [mark for mark in getattr(test, "pytestmark", []) if mark.name == "durable"]
        runner = DurableTestRunner(**(marks[0].kwargs if marks else {}))
        test(**({"durable": runner} if "durable" in inspect.signature(test).parameters else {}))


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_a_page_stands_in_the_index(page: Path) -> None:
    assert f"(sdk/{page.name})" in (ROOT / "docs" / "README.md").read_text()


def test_the_code_of_the_pages_fits_what_it_calls(tmp_path: Path) -> None:
    """Also that of functions which no test of a page calls, and of pages that are not run."""
    reference = ROOT / "docs" / "reference" / "client.md"
    for page in [README, *PAGES, reference]:
        (tmp_path / f"{page.stem.replace('-', '_')}.py").write_text(source_of(page))
    command = [sys.executable, "-m", "mypy", "--config-file", "", "--check-untyped-defs"]
    command += ["--ignore-missing-imports", "--cache-dir", str(ROOT / ".mypy_cache" / "pages")]
    told = subprocess.run(
        [*command, str(tmp_path)], check=False, capture_output=True, text=True, timeout=300
    )
    assert "source file" in told.stdout, told.stderr
    errors = [
        line
        for line in (told.stdout + told.stderr).splitlines()
        # AWS's decorator, given arguments, has the type of what it makes, not of a decorator.
        if ": error:" in line and not ("from_aws.py" in line and "Too few arguments" in line)
    ]
    assert errors == []
