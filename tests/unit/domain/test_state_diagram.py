"""The reference page of operations is printed from the tables, and current."""

from __future__ import annotations

import re
from pathlib import Path

from docs.tools.print_operations import COMMAND, arrows, page
from perdure_service.domain.operations import COMPLETIONS, TRANSITIONS, OperationType

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "operations.md"


def test_the_committed_page_is_current() -> None:
    assert PAGE.read_text() == page(), f"print it again: {COMMAND}"


def test_the_page_draws_each_transition_once() -> None:
    drawn = re.findall(r"^    \S+ --> \S+: (.+)$", page(), re.MULTILINE)
    count = sum(len(labels.split(", ")) for labels in drawn)
    assert count == len(TRANSITIONS) + len(COMPLETIONS)
    assert count == sum(len(arrows(type_)) for type_ in OperationType)
