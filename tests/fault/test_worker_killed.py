"""kill -9 for a runtime process in a step, and for a whole worker with its processes."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fault.orders import HANDLER, Orders, committed_runs, invocation_errors
from tests.support.caller import Caller
from tests.support.postgres import DatabaseServer
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually
from tests.support.worker import running_worker

OPTIONS = ["--concurrency", "4"]


@pytest.fixture(scope="module")
def service(
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ServiceProcess]:
    folder = tmp_path_factory.mktemp("worker-killed")
    with (
        database_server.clone(template_database) as url,
        running_service(folder, database_url=url) as service,
    ):
        yield service


@pytest.fixture(scope="module")
def caller(service: ServiceProcess) -> Caller:
    return Caller(service.url)


def test_a_process_killed_in_a_step_is_replaced_by_another(
    service: ServiceProcess, caller: Caller, orders: Orders, order: str, tmp_path: Path
) -> None:
    with running_worker(tmp_path, service.url, [str(HANDLER)], options=OPTIONS):
        orders.start(caller, order, gated=True)
        victim = orders.until_run(order, "pay")
        os.kill(victim.pid, signal.SIGKILL)
        second = orders.until_run(order, "pay", count=2)
        assert second.pid != victim.pid
        orders.open_gate()
        history = orders.until_closed(caller)[order]
    assert invocation_errors(history) == ["Runtime.ExitError", None, None]
    _assert_one_step_ran_twice(orders, order)
    assert committed_runs(history)["pay"] == second.number
    orders.check({order: history})


def test_a_worker_killed_in_a_step_is_replaced_by_another(
    service: ServiceProcess, caller: Caller, orders: Orders, order: str, tmp_path: Path
) -> None:
    specs = [str(HANDLER)]
    with (
        running_worker(tmp_path / "one", service.url, specs, options=OPTIONS) as one,
        running_worker(tmp_path / "two", service.url, specs, options=OPTIONS) as two,
    ):
        orders.start(caller, order, gated=True)
        victim = orders.until_run(order, "pay")
        worker = one if psutil.Process(victim.pid).ppid() == one.pid else two
        worker.kill()
        eventually(lambda: not psutil.pid_exists(victim.pid))
        second = orders.until_run(order, "pay", count=2, timeout_seconds=30)
        assert psutil.Process(second.pid).ppid() == (two if worker is one else one).pid
        orders.open_gate()
        history = orders.until_closed(caller)[order]
    assert invocation_errors(history) == ["Runtime.ExitError", None, None]
    _assert_one_step_ran_twice(orders, order)
    orders.check({order: history})


def test_a_worker_that_was_given_up_comes_back_and_writes_nothing(
    service: ServiceProcess, caller: Caller, orders: Orders, order: str, tmp_path: Path
) -> None:
    """Its process goes on with a step that somebody else has done meanwhile."""
    specs = [str(HANDLER)]
    with (
        running_worker(tmp_path / "one", service.url, specs, options=OPTIONS) as one,
        running_worker(tmp_path / "two", service.url, specs, options=OPTIONS) as two,
    ):
        orders.start(caller, order, gated=True)
        first = orders.until_run(order, "pay")
        worker = one if psutil.Process(first.pid).ppid() == one.pid else two
        with worker.frozen():
            second = orders.until_run(order, "pay", count=2, timeout_seconds=30)
            orders.open_gate()
            history = orders.until_closed(caller)[order]
        worker.until(lambda: "Invalid checkpoint token" in worker.output)
        (two if worker is one else one).stop()
        orders.start(caller, f"{order}-next", wait=0)
        histories = orders.until_closed(caller)
    assert histories[order] == history
    assert committed_runs(history)["pay"] == second.number
    assert invocation_errors(history) == ["Runtime.ExitError", None, None]
    orders.check(histories)


def test_a_worker_that_is_told_to_end_drains(
    service: ServiceProcess, caller: Caller, orders: Orders, order: str, tmp_path: Path
) -> None:
    specs = [str(HANDLER)]
    with running_worker(tmp_path / "one", service.url, specs, options=OPTIONS) as one:
        orders.start(caller, order, gated=True)
        orders.until_run(order, "pay")
        one.signal(signal.SIGTERM)
        one.until(lambda: "waiting for 1 to finish" in one.output)
        orders.open_gate()
        assert one.ended() == 0
    with running_worker(tmp_path / "two", service.url, specs, options=OPTIONS):
        history = orders.until_closed(caller)[order]
    assert invocation_errors(history) == [None, None]
    orders.check({order: history})
    orders.check_single_runs()


def _assert_one_step_ran_twice(orders: Orders, order: str) -> None:
    steps = [run.step for run in orders.runs() if run.order == order]
    assert steps == ["validate", "pay", "pay", "confirm"]
