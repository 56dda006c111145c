"""The documentation holds together: links lead somewhere, code compiles, decisions are whole."""

from __future__ import annotations

import re
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DECISIONS = sorted((ROOT / "docs" / "adr").glob("*.md"))


def named(pages: list[Path]) -> list[str]:
    return [str(page.relative_to(ROOT)) for page in pages]


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_every_relative_link_leads_to_a_file(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    local = [target for target in targets if "://" not in target]
    assert [target for target in local if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=named(PAGES))
def test_every_python_example_compiles(page: Path) -> None:
    for example in re.findall(r"^```python\n(.*?)^```", page.read_text(), re.DOTALL | re.MULTILINE):
        compile(textwrap.dedent(example), str(page), "exec")


@pytest.mark.parametrize("decision", DECISIONS, ids=named(DECISIONS))
def test_a_decision_has_its_four_parts_and_stands_in_the_index(decision: Path) -> None:
    parts = re.findall(r"^## (.+)$", decision.read_text(), re.MULTILINE)
    assert parts == ["Status", "Context", "Decision", "Consequences"]
    assert f"(adr/{decision.name})" in (ROOT / "docs" / "README.md").read_text()


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(decision.name[:4]) for decision in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
