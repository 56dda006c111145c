"""Python functions: awslambdaric in the interpreter that runs the agent, or in another one."""

from __future__ import annotations

import os
import re
import shutil
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
    f"print(*sys.version_info[:3], importlib.util.find_spec({CLIENT!r}) is not None)"
)
_PROBE_SECONDS: Final = 20.0


class PythonRuntimeMissing(Exception):
    """Python functions cannot be run by this interpreter; the text says what to do."""


@dataclass(frozen=True, slots=True)
class PythonRuntime:
    """`program` is an interpreter of 3.11 or later, with the client; `version` is its own, whatever
    the `name` of the runtime that it stands for."""

    program: str = sys.executable
    name: str = f"python{sys.version_info.major}.{sys.version_info.minor}"
    version: str = ".".join(map(str, sys.version_info[:3]))
    own_folders: frozenset[Path] = frozenset()

    @property
    def programs(self) -> Sequence[Path]:
        return (Path(self.program),)

    def command(self, handler: str, folder: Path, memory_mb: int | None) -> Sequence[str]:
        # -P: the client finds no module of the function's that has the name of one it needs.
        return (self.program, "-P", "-m", CLIENT, handler)

    def variables(self, users: Mapping[str, str], folder: Path) -> Mapping[str, str]:
        # The function's own copy of a package goes before the interpreter's.
        path = os.pathsep.join(filter(None, (str(folder), users.get("PYTHONPATH"))))
        return {"AWS_EXECUTION_ENV": f"AWS_Lambda_{self.name}", "PYTHONPATH": path}


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
    found = re.fullmatch(r"(\d+) (\d+) (\d+) (True|False)\n", done.stdout)
    if found is None:
        raise PythonRuntimeMissing(f"{program} is not a Python interpreter")
    version = int(found[1]), int(found[2])
    name = f"{version[0]}.{version[1]}"
    if version < OLDEST_PYTHON:
        raise PythonRuntimeMissing(f"{program} is Python {name}; functions need 3.11 or later")
    if found[4] == "False":
        raise PythonRuntimeMissing(
            f"{program} lacks AWS's runtime client. Install it there: "
            f"{program} -m pip install {CLIENT}"
        )
    return PythonRuntime(program, f"python{name}", f"{name}.{found[3]}")


def find_python_runtime(name: str, path: str | None) -> PythonRuntime:
    """The interpreter for the runtime `name`, such as python3.13: the agent's own if it is one,
    else the program of that name on `path`. Blocking. Raises PythonRuntimeMissing."""
    if name == PythonRuntime().name:
        return python_runtime(Path(sys.executable))
    found = shutil.which(name, path=path)
    if found is None:
        raise PythonRuntimeMissing(
            f"There is no {name} on PATH. Install it and {CLIENT} for it, or name an interpreter: "
            f"{name}=/path/to/python"
        )
    runtime = python_runtime(Path(found))
    if runtime.name != name:
        raise PythonRuntimeMissing(
            f"{found} is Python {runtime.version}. If it is to run {name} functions all the same, "
            f"say so: {name}={found}"
        )
    return runtime
