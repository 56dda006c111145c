"""What workers tell of the interpreters that they run functions with."""

from __future__ import annotations

import pytest

from perdure.client import Pool


@pytest.mark.parametrize(
    ("runtime", "interpreter", "differs"),
    [
        ("python3.13", "3.13.5", False),
        ("python3.13", "CPython 3.13.5 (linux)", False),
        ("python3.1", "3.13.5", True),
        ("python3.14", "3.13.5", True),
        ("nodejs24.x", "v24.1.0", False),
        ("nodejs22.x", "24.1.0", True),
        ("nodejs22.x", "unknown", False),
        ("provided.al2023", "the function's bootstrap", False),
        ("provided.al2023", "bash 5.2", False),
    ],
)
def test_an_interpreter_of_another_version_than_the_runtimes_is_seen(
    runtime: str, interpreter: str, differs: bool
) -> None:
    assert Pool(runtime, interpreter).differs is differs
