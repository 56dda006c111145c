"""What runs the functions of one language: an interpreter with AWS's runtime interface client, or
what the functions bring themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol


class CannotStart(Exception):
    """There is nothing to start for this code: the text says why, in Lambda's words."""

    def __init__(self, error_type: str, reason: str) -> None:
        super().__init__(reason)
        self.error_type = error_type


class Runtime(Protocol):
    @property
    def name(self) -> str:
        """As Lambda calls it: python3.13, nodejs24.x."""

    @property
    def own_folders(self) -> frozenset[Path]:
        """What may lie within a function's folder and is no part of its code (absolute)."""

    @property
    def programs(self) -> Sequence[Path]:
        """Files without which it runs nothing, for whoever wants to know that others can."""

    def command(self, handler: str, folder: Path, memory_mb: int | None) -> Sequence[str]:
        """The program, a path, and its arguments; it finds its port, handler and folder in Lambda's
        environment variables, too. It will be held to `memory_mb`. Raises CannotStart."""

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        """What it needs in its environment beside what all runtimes get."""
