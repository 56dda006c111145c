"""Which interpreter runs Python functions, and what is said if it cannot."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from perdure.worker.python_runtime import PythonRuntime, PythonRuntimeMissing, python_runtime

OURS = f"python{sys.version_info.major}.{sys.version_info.minor}"


def program(folder: Path, says: str) -> Path:
    """One that says this, whatever it is asked."""
    file = folder / "python"
    file.write_text(f"#!/bin/sh\necho {says}\n")
    file.chmod(0o755)
    return file


def test_without_a_name_it_is_the_agents_own() -> None:
    runtime = PythonRuntime()
    assert (runtime.program, runtime.name) == (sys.executable, OURS)
    assert runtime.command("app.handler", Path("/"), None)[0] == sys.executable


def test_a_link_is_kept_since_a_virtual_environment_is_known_by_it(tmp_path: Path) -> None:
    link = tmp_path / "python3"
    link.symlink_to(program(tmp_path, "3 14 2 True"))
    runtime = python_runtime(link)
    assert (runtime.program, runtime.name) == (str(link), "python3.14")


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        ("3 10 9 True", "is Python 3.10; functions need 3.11 or later"),
        ("3 13 0 False", "-m pip install awslambdaric"),
        ("hello", "is not a Python interpreter"),
    ],
)
def test_one_that_will_not_do_is_refused_with_the_reason(
    says: str, reason: str, tmp_path: Path
) -> None:
    with pytest.raises(PythonRuntimeMissing, match=reason):
        python_runtime(program(tmp_path, says))


def test_one_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(PythonRuntimeMissing, match=f"{tmp_path}/nothing does not run"):
        python_runtime(tmp_path / "nothing")
