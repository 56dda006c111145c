"""Python functions: awslambdaric in the interpreter that runs the agent."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLIENT: Final = "awslambdaric"


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    name: str = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own_folders: frozenset[Path] = frozenset()

    def command(self, handler: str) -> Sequence[str]:
        # -P: the client finds no module of the function's that has the name of one it needs.
        return (sys.executable, "-P", "-m", CLIENT, handler)

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), users.get("PYTHONPATH"))))}
