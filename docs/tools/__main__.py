"""Print all blocks of docs/reference again."""

from __future__ import annotations

from docs.tools.blocks import FOLDER, printed

for path in FOLDER.glob("*.md"):
    path.write_text(printed(path.read_text()))
