"""kill -9 for Postgres, under load."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from perdure_service.postgres.embedded import EmbeddedPostgres
from tests.fault.orders import HANDLER, Orders, invocation_errors
from tests.support.caller import Caller, story_of
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually
from tests.support.worker import WorkerProcess, running_worker

LEASE_SECONDS = 8


@dataclass(frozen=True, slots=True)
class Scene:
    postgres: EmbeddedPostgres
    service: ServiceProcess
    worker: WorkerProcess
    caller: Caller

    def kill_postgres(self) -> None:
        os.kill(self.postgres.pid, signal.SIGKILL)
        eventually(lambda: not self.postgres.is_alive())


@pytest.fixture
def scene(own_postgres: EmbeddedPostgres, tmp_path: Path) -> Iterator[Scene]:
    options = ["--concurrency", "8"]
    with (
        running_service(tmp_path, database_url=own_postgres.url) as service,
        running_worker(tmp_path, service.url, [str(HANDLER)], options=options) as worker,
    ):
        caller = Caller(service.url)
        yield Scene(own_postgres, service, worker, caller)
        assert service.is_running


def test_nothing_that_was_acknowledged_is_lost(scene: Scene, orders: Orders) -> None:
    started = orders.start_many(scene.caller, 100)
    for kill in (1, 2):
        eventually(lambda kill=kill: len(orders.runs()) > kill * 60, 60)  # type: ignore[misc]
        scene.kill_postgres()
        scene.postgres.restart()
    for start in started:
        start.result(60)
    assert len(orders.arns) == 100
    histories = orders.until_closed(scene.caller)
    orders.check(histories)
    orders.check_single_runs()
    for history in histories.values():
        assert invocation_errors(history) == [None, None], story_of(history)


def test_an_outage_longer_than_a_lease_takes_no_work_from_those_who_run(
    scene: Scene, orders: Orders
) -> None:
    for start in orders.start_many(scene.caller, 6, gated=True):
        start.result(60)
    eventually(lambda: len([run for run in orders.runs() if run.step == "pay"]) == 6, 60)
    waiting = orders.start_many(scene.caller, 20)
    eventually(lambda: len(orders.runs()) > 20, 60)

    scene.kill_postgres()
    down_at = time.monotonic()
    assert scene.service.is_ready()
    eventually(lambda: time.monotonic() > down_at + LEASE_SECONDS + 2, 30)
    assert not scene.service.is_ready()
    scene.postgres.restart()
    eventually(scene.service.is_ready, 20)
    for start in waiting:
        start.result(60)
    eventually(lambda: time.monotonic() > down_at + 2 * LEASE_SECONDS + 6, 30)
    orders.open_gate()

    histories = orders.until_closed(scene.caller)
    orders.check(histories)
    orders.check_single_runs()
    for history in histories.values():
        assert invocation_errors(history) == [None, None], story_of(history)
