"""What the printed blocks have in common."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence


def table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> Iterator[str]:
    yield _line(columns)
    yield _line(["---"] * len(columns))
    for row in rows:
        yield _line(row)


def state_diagram(arrows: Iterable[str]) -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    for arrow in arrows:
        yield f"    {arrow}"
    yield "```"


def code(text: str) -> str:
    return f"`{text}`"


def members(full: Collection[str], bare: Collection[str]) -> str:
    """The names of `full`; those that are not in `bare` stand in parentheses."""
    return ", ".join(code(name) if name in bare else f"({code(name)})" for name in full) or "none"


def number(value: float) -> str:
    """With commas between thousands, and without a fraction that is none."""
    return f"{value:,.0f}" if value == round(value) else f"{value:,g}"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
