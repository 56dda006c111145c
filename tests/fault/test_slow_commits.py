"""Postgres works, on a disk that hardly does."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.support.caller import Caller
from tests.support.emulator import Emulator, push_target
from tests.support.postgres import DatabaseServer
from tests.support.relay import PostgresRelay
from tests.support.service import running_service
from tests.support.waiting import eventually
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


def test_a_push_target_is_not_called_for_what_took_half_a_lease_to_commit(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    """Another replica may have been given the invocation by then."""
    emulator = Emulator(lambda event: {"echo": event})
    with database_server.clone(template_database) as url:
        relay = PostgresRelay(url)
        with (
            emulator.running(),
            relay.running(),
            running_service(tmp_path, database_url=relay.url) as service,
            ThreadPoolExecutor(1) as background,
        ):
            caller = Caller(service.url, read_timeout_seconds=60)
            target = push_target(caller, emulator.url)
            relay.flush_seconds = 4.5
            call = background.submit(caller.call, target, 1)
            eventually(lambda: "was claimed too slowly" in service.log, 30)
            assert emulator.calls == 0
            relay.flush_seconds = 0.0
            assert call.result().json == {"echo": 1}
