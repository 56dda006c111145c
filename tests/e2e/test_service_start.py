"""The service told something that cannot work: one line that says so, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys

import psycopg
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
    ended = run(command, url)
    assert ended.returncode == status
    (line,) = ended.stderr.splitlines()
    assert text in line
    assert "secret" not in line


@pytest.mark.parametrize("command", ["serve", "migrate"])
def test_a_database_that_a_newer_version_has_upgraded_is_left_alone(
    command: str, database_url: str
) -> None:
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    ended = run(command, database_url)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "A newer version has upgraded this database, to schema 9999" in line


def run(command: str, database_url: str) -> subprocess.CompletedProcess[str]:
    arguments = ["serve", "--port", "0"] if command == "serve" else [command]
    packages = os.pathsep.join(sys.path)
    return subprocess.run(
        [sys.executable, "-m", "perdure_service", *arguments],
        env={**os.environ, "DATABASE_URL": database_url, "PYTHONPATH": packages},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
