"""The environments that scripts/setup-peers builds, each when it is first asked for."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SETUP_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Environment:
    """`absent` is the reason why it could not be built."""

    folder: Path
    absent: str | None

    @property
    def python(self) -> str:
        return str(self.folder / "bin" / "python")


def environment(name: str) -> Environment:
    folder = _ROOT / ".venv" / "peers" / name
    setup = ["sh", str(_ROOT / "scripts" / "setup-peers"), name]
    try:
        done = subprocess.run(
            setup, check=False, capture_output=True, text=True, timeout=_SETUP_SECONDS
        )
    except subprocess.TimeoutExpired:
        return Environment(folder, f"it was not installed in {_SETUP_SECONDS} s")
    said = done.stderr.strip().splitlines() or ["scripts/setup-peers failed"]
    return Environment(folder, None if done.returncode == 0 else said[-1])
