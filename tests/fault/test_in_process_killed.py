"""kill -9 for a process that runs many invocations, and for its worker with it."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.fault.orders import IN_PROCESS, Orders, invocation_errors
from tests.support.caller import Caller, Event
from tests.support.postgres import DatabaseServer
from tests.support.service import ServiceProcess, running_service
from tests.support.worker import WorkerProcess, running_worker

COUNT = 12
DIED = ["Runtime.ExitError", None, None]


@pytest.fixture(scope="module")
def service(
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("in-process-killed")
    with (
        database_server.clone(template_database) as url,
        running_service(folder, database_url=url) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def caller(service: ServiceProcess) -> Caller:
    return Caller(service.url)


@pytest.fixture
def worker(service: ServiceProcess, tmp_path: Path) -> Iterator[WorkerProcess]:
    options = ["--concurrency", str(COUNT)]
    with running_worker(tmp_path, service.url, [IN_PROCESS], options=options) as worker:
        yield worker


def held_in_pay(orders: Orders, caller: Caller) -> set[int]:
    """Starts orders, all of them running in a step that does not end; the pids of their runs."""
    for start in orders.start_many(caller, COUNT, gated=True):
        start.result(60)
    return {orders.until_run(order, "pay").pid for order in orders.arns}


def ended_well(orders: Orders, caller: Caller) -> dict[str, list[Event]]:
    orders.open_gate()
    histories = orders.until_closed(caller)
    orders.check(histories)
    return histories


def messages(history: list[Event]) -> list[str]:
    return [
        event["InvocationCompletedDetails"]["Error"]["Payload"]["ErrorMessage"]
        for event in history
        if event["EventType"] == "InvocationCompleted"
        and event["InvocationCompletedDetails"].get("Error")
    ]


def test_what_a_killed_process_ran_runs_again_in_another(
    caller: Caller, worker: WorkerProcess, orders: Orders
) -> None:
    (pid,) = held_in_pay(orders, caller)
    os.kill(pid, signal.SIGKILL)
    again = {orders.until_run(order, "pay", count=2).pid for order in orders.arns}
    assert len(again) == 1
    assert pid not in again
    for history in ended_well(orders, caller).values():
        assert invocation_errors(history) == DIED
        assert messages(history)[0].endswith("exited with error: signal: killed")


def test_what_a_killed_worker_ran_runs_again_when_it_is_back(
    caller: Caller, worker: WorkerProcess, orders: Orders
) -> None:
    """Its successor says that it is dead: nobody waits for a lease."""
    held_in_pay(orders, caller)
    worker.kill()
    worker.start()
    for order in orders.arns:
        orders.until_run(order, "pay", count=2)
    for history in ended_well(orders, caller).values():
        assert invocation_errors(history) == DIED
        assert messages(history)[0].endswith("its worker was killed")


def test_a_worker_that_is_told_to_end_lets_all_finish(
    caller: Caller, worker: WorkerProcess, orders: Orders
) -> None:
    held_in_pay(orders, caller)
    worker.signal(signal.SIGTERM)
    worker.until(lambda: f"waiting for {COUNT} to finish" in worker.output)
    orders.open_gate()
    assert worker.ended() == 0
    worker.start()
    for history in ended_well(orders, caller).values():
        assert invocation_errors(history) == [None, None]
    orders.check_single_runs()
