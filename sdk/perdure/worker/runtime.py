"""What runs the functions of one language: an interpreter with AWS's runtime interface client."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class Runtime(Protocol):
    @property
    def name(self) -> str:
        """As Lambda calls it: python3.13, nodejs24.x."""

    @property
    def own_folders(self) -> frozenset[Path]:
        """What may lie within a function's folder and is no part of its code (absolute)."""

    def command(self, handler: str) -> Sequence[str]:
        """The program and its arguments; it finds its port, handler and folder in Lambda's
        environment variables, too."""

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """What it needs in its environment beside what all runtimes get."""
