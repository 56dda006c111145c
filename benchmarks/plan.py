"""How much to measure, and where."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Plan:
    """`folder` is on the disk that is to be measured. A `quick` plan runs everything once and
    small: it shows that the benchmarks work, its figures are worth little."""

    folder: Path
    runs: int
    quick: bool

    def scaled(self, count: int) -> int:
        return max(1, count // 5) if self.quick else count
