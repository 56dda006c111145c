"""The service told something that cannot work: one line that says so, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("command", ["serve", "migrate"])
@pytest.mark.parametrize(
    ("url", "status", "text"),
    [
        ("postgresql://nobody:secret@127.0.0.1:1/nothing", 1, "Postgres cannot be used: "),
        ("mysql://nobody:secret@127.0.0.1/nothing", 2, "postgresql://user@host/database"),
    ],
)
def test_a_database_that_cannot_be_used_is_told_without_its_password(
    command: str, url: str, status: int, text: str
) -> None:
    arguments = ["serve", "--port", "0"] if command == "serve" else [command]
    ended = subprocess.run(
        [sys.executable, "-m", "perdure_service", *arguments],
        env={**os.environ, "DATABASE_URL": url, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status
    (line,) = ended.stderr.splitlines()
    assert text in line
    assert "secret" not in line
