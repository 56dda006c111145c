"""kill -9 for a worker that runs a deployed function, while another one offers the same pool."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.fault.orders import HANDLER, Orders, committed_runs, invocation_errors
from tests.support.caller import Caller
from tests.support.code import zip_of
from tests.support.languages import ROLE
from tests.support.postgres import DatabaseServer
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually
from tests.support.worker import running_worker

RUNTIME = f"python3.{sys.version_info.minor}"
OPTIONS = ["--pool", RUNTIME, "--isolation", "none"]  # the trace is in a folder of the test's user


@pytest.fixture
def service(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> Iterator[ServiceProcess]:
    with (
        database_server.clone(template_database) as url,
        running_service(tmp_path / "service", database_url=url) as service,
    ):
        yield service


def test_another_worker_of_the_pool_goes_on(
    service: ServiceProcess, orders: Orders, order: str, tmp_path: Path
) -> None:
    caller = Caller(service.url)
    caller.client.create_function(
        FunctionName="orders",
        Runtime=RUNTIME,
        Role=ROLE,
        Handler=f"{HANDLER.stem}.lambda_handler",
        Code={"ZipFile": zip_of({HANDLER.name: HANDLER.read_text()})},
        DurableConfig={"ExecutionTimeout": 600},
        Timeout=60,
        MemorySize=512,
    )
    with (
        running_worker(tmp_path / "one", service.url, [], options=OPTIONS) as one,
        running_worker(tmp_path / "two", service.url, [], options=OPTIONS) as two,
    ):
        orders.start(caller, order, gated=True)
        victim = orders.until_run(order, "pay")
        worker = one if psutil.Process(victim.pid).ppid() == one.pid else two
        worker.kill()
        eventually(lambda: not psutil.pid_exists(victim.pid))
        second = orders.until_run(order, "pay", count=2, timeout_seconds=12)
        assert psutil.Process(second.pid).ppid() == (two if worker is one else one).pid
        orders.open_gate()
        history = orders.until_closed(caller)[order]
    assert invocation_errors(history) == ["Runtime.ExitError", None, None]
    assert committed_runs(history)["pay"] == second.number
    orders.check({order: history})
