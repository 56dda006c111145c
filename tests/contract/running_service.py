"""The real service, in a process of its own, on a database of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg

from tests.support.waiting import eventually

_LISTENING = "PERDURE_LISTENING "
_START_SECONDS = 60


@dataclass(frozen=True, slots=True)
class RunningService:
    url: str
    database_url: str
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def written(self, function: str) -> tuple[int, ...]:
        """Numbers that move with every write of what callers can change, of one function."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(
                """
                WITH own AS (SELECT part, id, version FROM execution WHERE function_name = %(of)s)
                SELECT (SELECT count(*) FROM own),
                       (SELECT coalesce(sum(version), 0) FROM own),
                       (SELECT count(*) FROM event JOIN own ON
                            event.part = own.part AND event.execution_id = own.id),
                       (SELECT count(*) FROM function_version),
                       (SELECT count(*) FROM code_artifact)
                """,
                {"of": function},
            ).fetchone()
        assert row is not None
        return tuple(int(number) for number in row)

    def execute(self, statement: LiteralString, *parameters: object) -> None:
        """What another process may do to the database."""
        with psycopg.connect(self.database_url) as connection:
            connection.execute(statement, parameters)

    def log_after(self, offset: int) -> list[str]:
        return self.log.read_text()[offset:].splitlines()

    @property
    def log_size(self) -> int:
        return len(self.log.read_text())


@contextmanager
def running_service(
    folder: Path, database_url: str, options: Sequence[str] = ()
) -> Iterator[RunningService]:
    """Started and listening; told to stop in the end, and ended by then."""
    output, log = folder / "output", folder / "log"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
    }
    with output.open("w") as out, log.open("w") as err:
        process = subprocess.Popen(
            [sys.executable, "-m", "perdure_service", "serve", "--port", "0", *options],
            cwd=folder,
            env=environment,
            stdout=out,
            stderr=err,
        )
    try:
        eventually(
            lambda: _LISTENING in output.read_text() or process.poll() is not None, _START_SECONDS
        )
        assert process.poll() is None, log.read_text()
        url = output.read_text().partition(_LISTENING)[2].split()[0]
        yield RunningService(url, database_url, log)
    finally:
        process.terminate()
        process.wait(30)
