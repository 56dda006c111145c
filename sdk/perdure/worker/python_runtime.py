"""Python functions: awslambdaric in the interpreter that runs the agent, or in another one."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CLIENT: Final = "awslambdaric"
OLDEST_PYTHON: Final = (3, 11)
"""The first with -P, which AWS's durable execution SDK asks for as well."""

_PROBE: Final = (
    "import importlib.util, sys; "
    f"print(*sys.version_info[:2], importlib.util.find_spec({CLIENT!r}) is not None)"
)
_PROBE_SECONDS: Final = 20.0


class PythonRuntimeMissing(Exception):
    """Python functions cannot be run by this interpreter; the text says what to do."""


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """`program` is an interpreter of 3.11 or later, with the client."""

    program: str = sys.executable
    name: str = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own_folders: frozenset[Path] = frozenset()

    def command(self, handler: str) -> Sequence[str]:
        # -P: the client finds no module of the function's that has the name of one it needs.
        return (self.program, "-P", "-m", CLIENT, handler)

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        return {"PYTHONPATH": os.pathsep.join(filter(None, (str(folder), users.get("PYTHONPATH"))))}


def python_runtime(named: Path) -> PythonRuntime:
    """The runtime of another interpreter, such as a virtual environment's. Blocking. Raises
    PythonRuntimeMissing."""
    # Not resolved: a virtual environment's interpreter is a link, and known by its place.
    program = str(named.expanduser().absolute())
    try:
        done = subprocess.run(
            [program, "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PythonRuntimeMissing(f"{program} does not run: {error}") from error
    found = re.fullmatch(r"(\d+) (\d+) (True|False)\n", done.stdout)
    if found is None:
        raise PythonRuntimeMissing(f"{program} is not a Python interpreter")
    version = int(found[1]), int(found[2])
    name = f"{version[0]}.{version[1]}"
    if version < OLDEST_PYTHON:
        raise PythonRuntimeMissing(f"{program} is Python {name}; functions need 3.11 or later")
    if found[3] == "False":
        raise PythonRuntimeMissing(
            f"{program} lacks AWS's runtime client. Install it there: "
            f"{program} -m pip install {CLIENT}"
        )
    return PythonRuntime(program, f"python{name}")
