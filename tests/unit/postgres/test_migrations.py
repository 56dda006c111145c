"""Migrations follow each other in one line, whoever adds one."""

from __future__ import annotations

import re
from pathlib import Path

_FOLDER = Path(__file__).parents[3] / "migrations" / "versions"


def test_each_migration_follows_the_one_of_the_number_before() -> None:
    before = None
    for count, path in enumerate(sorted(_FOLDER.glob("*.py")), start=1):
        number = path.name.partition("_")[0]
        text = path.read_text()
        assert number == f"{count:04}"
        assert re.findall(r'^revision = "(.*)"$', text, re.MULTILINE) == [number]
        assert re.findall(r"^down_revision = (.*)$", text, re.MULTILINE) == [
            "None" if before is None else f'"{before}"'
        ]
        before = number
