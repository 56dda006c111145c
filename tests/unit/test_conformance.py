"""The page on conformance has its sixty rows, and the tests that it names are there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.e2e.scenarios.library import SCENARIOS
from tests.e2e.scenarios.sdks import SDKS

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "conformance.md"
LINE = re.compile(r"^\| (\d+) \|.*\|$", re.MULTILINE)
ROW = re.compile(r"\| (\d+) \| ([^|]+) \| (yes|in part|not yet|from outside) \| ?([^|]*)\|")
LINK = re.compile(r"\[`([^`]+)`\]\(([^)]+)\)")

UNBUILT = {7, *range(46, 58)}
"""May be there in part, or not yet."""
JUDGED_FROM_OUTSIDE = {58}


class Row(NamedTuple):
    number: int
    status: str
    proofs: tuple[tuple[str, Path], ...]
    """The name of a test or of a scenario, and its file."""


def _rows() -> Iterator[Row]:
    for line in LINE.finditer(PAGE.read_text()):
        row = ROW.fullmatch(line[0])
        assert row is not None, line[0]
        proofs = ((name, PAGE.parent / target) for name, target in LINK.findall(row[4]))
        yield Row(int(row[1]), row[3], tuple((name, path.resolve()) for name, path in proofs))


ROWS = list(_rows())


def test_the_rows_are_sixty() -> None:
    assert [row.number for row in ROWS] == list(range(1, 61))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_a_row_names_tests_that_are_there(row: Row) -> None:
    missing = [name for name, path in row.proofs if name not in _names_in(path)]
    assert missing == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row.number))
def test_what_holds_is_proved(row: Row) -> None:
    assert (row.status == "from outside") is (row.number in JUDGED_FROM_OUTSIDE)
    assert row.status in ("yes", "from outside") or row.number in UNBUILT
    assert row.proofs or row.status in ("not yet", "from outside")


@cache
def _names_in(path: Path) -> frozenset[str]:
    """What can be named of a file: its tests, as pytest spells them, or the scenarios of an area
    that an SDK runs."""
    if path.suffix == ".toml":
        scenarios = [found for found in SCENARIOS.values() if found.area == path.stem]
        return frozenset(
            found.name for found in scenarios if not all(map(found.reason_against, SDKS))
        )
    return frozenset(_tests(ast.parse(path.read_text())))


def _tests(tree: ast.Module) -> Iterator[str]:
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name, body=body):
                methods = ast.FunctionDef | ast.AsyncFunctionDef
                yield from (f"{name}::{one.name}" for one in body if isinstance(one, methods))
