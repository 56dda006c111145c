"""Postgres works, on a disk that hardly does."""

from __future__ import annotations

from pathlib import Path

from tests.support.caller import Caller
from tests.support.postgres import DatabaseServer
from tests.support.relay import PostgresRelay
from tests.support.service import running_service
from tests.support.worker import running_worker

ECHO = Path(__file__).parents[1] / "e2e" / "handlers" / "plain.py"


def test_what_takes_seconds_to_commit_is_handed_out_all_the_same(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    """Longer than a worker may take to confirm: given back each time, it would never run."""
    with database_server.clone(template_database) as url:
        relay = PostgresRelay(url)
        with (
            relay.running(),
            running_service(tmp_path, database_url=relay.url) as service,
            running_worker(tmp_path, service.url, [f"echo={ECHO}"], options=["--plain", "echo"]),
        ):
            relay.flush_seconds = 2.5
            answer = Caller(service.url, read_timeout_seconds=30).call("echo", {"hello": "there"})
            relay.flush_seconds = 0.0
    assert answer.error is None
    assert b"there" in answer.body
