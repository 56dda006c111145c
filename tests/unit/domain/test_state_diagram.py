"""The reference pages of operations and of executions are printed from the tables, and current."""

from __future__ import annotations

import re
from pathlib import Path
from types import ModuleType

import pytest

from docs.tools import print_executions, print_operations
from docs.tools.print_operations import arrows
from perdure_service.domain.lifecycle import LIFECYCLE
from perdure_service.domain.operations import COMPLETIONS, TRANSITIONS, OperationType

PAGES = Path(__file__).resolve().parents[3] / "docs" / "reference"


@pytest.mark.parametrize(
    ("name", "printer"),
    [("operations.md", print_operations), ("executions.md", print_executions)],
)
def test_a_committed_page_is_current(name: str, printer: ModuleType) -> None:
    assert (PAGES / name).read_text() == printer.page(), f"print it again: {printer.COMMAND}"


def test_each_transition_of_an_operation_is_drawn_once() -> None:
    page = print_operations.page()
    drawn = re.findall(r"^    \S+ --> \S+: (.+)$", page, re.MULTILINE)
    count = sum(len(labels.split(", ")) for labels in drawn)
    assert count == len(TRANSITIONS) + len(COMPLETIONS)
    assert count == sum(len(arrows(type_)) for type_ in OperationType)


def test_each_way_of_an_execution_is_drawn_once() -> None:
    page = print_executions.page()
    drawn = re.findall(r"^    [A-Z_]+ --> [A-Z_]+: .+$", page, re.MULTILINE)
    assert len(drawn) == len(LIFECYCLE)
