"""Functions that bring their own runtime: an executable that speaks Lambda's Runtime API."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perdure.worker.runtime import CannotStart

BOOTSTRAP = "bootstrap"


@dataclass(frozen=True, slots=True)
class BootstrapRuntime:
    """The code's own `bootstrap`, or one `program` for all functions of the runtime `name`."""

    name: str
    program: Path | None = None
    own_folders: frozenset[Path] = frozenset()

    @property
    def programs(self) -> Sequence[Path]:
        return () if self.program is None else (self.program,)

    def command(self, handler: str, folder: Path, memory_mb: int | None) -> Sequence[str]:
        program = self.program or folder / BOOTSTRAP
        if not os.access(program, os.X_OK) or program.is_dir():
            raise CannotStart(
                "Runtime.InvalidEntrypoint", f"Couldn't find valid bootstrap(s): [{program}]"
            )
        return (str(program),)

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        return {}
