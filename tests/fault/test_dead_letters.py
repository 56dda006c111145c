"""A dead letter outlives the service that wrote it, and two services deliver it once."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.support.caller import Caller
from tests.support.emulator import Emulator, push_target
from tests.support.receiver import Receiver
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually

TAKEN_OVER_SECONDS = 40


@pytest.fixture
def emulator() -> Iterator[Emulator]:
    emulator = Emulator(lambda _: {"Status": "FAILED"})
    with emulator.running():
        yield emulator


@pytest.fixture
def service(database_url: str, tmp_path: Path) -> Iterator[ServiceProcess]:
    with running_service(tmp_path / "a", database_url=database_url) as service:
        yield service


def failing(service: ServiceProcess, emulator: Emulator, receiver: Receiver) -> str:
    return push_target(
        Caller(service.url),
        emulator.url,
        DurableConfig={"ExecutionTimeout": 60},
        DeadLetterConfig={"TargetArn": receiver.url},
    )


def start(service: ServiceProcess, function: str) -> str:
    """The id of a new execution."""
    return Caller(service.url).start(f"{function}:$LATEST", {"n": 1}).rpartition("/")[2]


def until_none_waits(service: ServiceProcess) -> None:
    letters = f"{service.url}/v1/dead-letters"
    eventually(lambda: httpx.get(letters).json()["dead_letters"] == [], 30)


STALL = """
CREATE FUNCTION stall() RETURNS trigger AS $$
BEGIN PERFORM pg_advisory_xact_lock(1); RETURN new; END $$ LANGUAGE plpgsql;
CREATE TRIGGER stall BEFORE UPDATE ON dead_letter FOR EACH ROW EXECUTE FUNCTION stall();
SELECT pg_advisory_lock(1);
"""
STALLED = """
FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'
"""
UNSTALL = f"""
SELECT pg_terminate_backend(pid) {STALLED};
SELECT pg_advisory_unlock(1);
DROP TRIGGER stall ON dead_letter;
"""


def test_the_service_is_killed_between_the_close_and_the_delivery(
    service: ServiceProcess, emulator: Emulator, database_url: str
) -> None:
    """The close writes the letter; whoever claims it stands still until the service is dead."""
    with (
        Receiver().running() as receiver,
        psycopg.connect(database_url, autocommit=True) as keeper,
    ):
        keeper.execute(STALL)
        id_ = start(service, failing(service, emulator, receiver))
        eventually(lambda: keeper.execute(f"SELECT true {STALLED}".encode()).fetchone())
        service.kill()
        keeper.execute(UNSTALL.encode())
        assert receiver.received == []
        service.start()
        (letter,) = receiver.until_received(id_, timeout_seconds=TAKEN_OVER_SECONDS)
        assert letter.body == b'{"n": 1}'
        until_none_waits(service)


def test_the_service_is_killed_while_it_delivers(
    service: ServiceProcess, emulator: Emulator
) -> None:
    """Nobody knows whether that one arrived: it is sent once more."""
    released = threading.Event()
    with Receiver().running() as receiver:
        receiver.judge = lambda _: 204 if released.wait(30) else 500
        id_ = start(service, failing(service, emulator, receiver))
        receiver.until_received(id_)
        service.kill()
        released.set()
        service.start()
        first, second = receiver.until_received(id_, 2, TAKEN_OVER_SECONDS)
        assert first.body == second.body
        assert (first.headers["x-perdure-try"], second.headers["x-perdure-try"]) == ("1", "2")
        until_none_waits(service)
        assert len(receiver.of(id_)) == 2


def test_two_services_deliver_each_once(
    service: ServiceProcess, emulator: Emulator, database_url: str, tmp_path: Path
) -> None:
    with (
        running_service(tmp_path / "b", database_url=database_url) as other,
        Receiver().running() as receiver,
    ):
        function = failing(service, emulator, receiver)
        ids = [start(one, function) for _ in range(20) for one in (service, other)]
        for id_ in ids:
            receiver.until_received(id_)
        until_none_waits(service)
        assert sorted(letter.execution for letter in receiver.received) == sorted(ids)
