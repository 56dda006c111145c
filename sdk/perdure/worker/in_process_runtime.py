"""Durable functions on Perdure's own SDK: one process runs many invocations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure.worker.python_runtime import PythonRuntime

PROGRAM = "perdure.in_process"
CHANNEL_VARIABLE = "_PERDURE_CHANNEL_FD"
CONCURRENCY_VARIABLE = "_PERDURE_CONCURRENCY"


@dataclass(frozen=True, slots=True)
class InProcessRuntime:
    """As `python`, which must have perdure installed; AWS's runtime client is not needed."""

    python: PythonRuntime

    @property
    def name(self) -> str:
        return self.python.name

    @property
    def own_folders(self) -> frozenset[Path]:
        return self.python.own_folders

    @property
    def programs(self) -> Sequence[Path]:
        return self.python.programs

    def command(self, handler: str, folder: Path, memory_mb: int | None) -> Sequence[str]:
        # -P: we find no module of the function's that has the name of one we need.
        return (self.python.program, "-P", "-m", PROGRAM, handler)

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        return self.python.variables(users, folder)
