"""A command loads what it needs, and a shell completes it."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.command_line import Shell
from tests.support.processes import clean_environment

HEAVY = (
    "asyncio", "httpx", "perdure.client", "perdure.http", "perdure.worker", "perdure_service",
    "rich", "yaml",
)  # fmt: skip


def loaded(code: str) -> set[str]:
    look = f"import sys\n{code}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", look],
        capture_output=True,
        text=True,
        check=True,
        env=clean_environment(),
    )
    return set(done.stdout.split())


def test_the_command_line_itself_loads_nothing_heavy() -> None:
    assert loaded("import perdure.cli") & set(HEAVY) == set()


def test_a_command_that_calls_loads_neither_the_worker_nor_what_draws() -> None:
    code = "import perdure.cli.executions; from perdure.client import Client; Client().close()"
    found = loaded(code)
    assert {"httpx", "perdure.client"} <= found
    unneeded = {
        "perdure.http", "perdure.worker", "perdure_service", "yaml", "boto3", "typer.rich_utils",
    }  # fmt: skip
    assert found & unneeded == set()


@pytest.mark.parametrize(
    ("words", "completed"),
    [
        ("perdure call", "callbacks"),
        ("perdure executions pa", "pause"),
        ("perdure deploy --ali", "--alias"),
    ],
)
def test_a_shell_completes_commands_and_options(words: str, completed: str) -> None:
    asked = {
        "_PERDURE_COMPLETE": "complete_bash",
        "COMP_WORDS": words,
        "COMP_CWORD": str(len(words.split()) - 1),
    }
    assert Shell(clean_environment(asked))().output.split() == [completed]
