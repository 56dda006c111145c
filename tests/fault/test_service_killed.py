"""kill -9 for the service; its worker lives on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.fault.orders import HANDLER, IN_PROCESS, Orders, invocation_errors
from tests.support.caller import Caller, story_of
from tests.support.postgres import DatabaseServer
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually
from tests.support.worker import running_worker


@dataclass(frozen=True, slots=True)
class Scene:
    service: ServiceProcess
    caller: Caller

    def restart(self) -> None:
        self.service.kill()
        self.service.start()


@pytest.fixture(
    scope="module", params=[str(HANDLER), IN_PROCESS], ids=["a process each", "in process"]
)
def scene(
    request: pytest.FixtureRequest,
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("service-killed")
    options = ["--concurrency", "8"]
    with (
        database_server.clone(template_database) as url,
        running_service(folder, database_url=url) as service,
        running_worker(folder, service.url, [request.param], options=options),
    ):
        caller = Caller(service.url)
        yield Scene(service, caller)


def test_while_an_execution_waits(scene: Scene, orders: Orders, order: str) -> None:
    arn = orders.start(scene.caller, order, wait=2)
    scene.caller.until_event(arn, "InvocationCompleted")
    scene.restart()
    _all_ends_well(scene, orders)


def test_while_a_handler_runs(scene: Scene, orders: Orders, order: str) -> None:
    orders.start(scene.caller, order, gated=True)
    orders.until_run(order, "pay")
    scene.restart()
    orders.open_gate()
    _all_ends_well(scene, orders)


def test_while_a_handler_runs_that_goes_on_before_the_service_is_back(
    scene: Scene, orders: Orders, order: str
) -> None:
    orders.start(scene.caller, order, gated=True)
    orders.until_run(order, "pay")
    scene.service.kill()
    orders.open_gate()
    scene.service.start()
    _all_ends_well(scene, orders)


def test_while_the_caller_waits(scene: Scene, orders: Orders, order: str) -> None:
    """boto3 repeats the call, with the same name or, unnamed, with the same id of its own."""
    caller = Caller(scene.service.url, attempts=10)
    event = orders.event(order, gated=True)
    answer = orders.threads.submit(caller.call, "orders:$LATEST", event)
    orders.until_run(order, "pay")
    scene.restart()
    orders.open_gate()
    assert answer.result(60).error is None
    assert len([run for run in orders.runs() if run.order == order]) == 3


@pytest.mark.parametrize("kills", [1, 3])
def test_amid_200_executions(scene: Scene, orders: Orders, kills: int) -> None:
    started = orders.start_many(scene.caller, 200)
    for kill in range(1, kills + 1):
        eventually(lambda kill=kill: len(orders.runs()) > kill * 120, 60)  # type: ignore[misc]
        scene.restart()
    for start in started:
        start.result(60)
    assert len(orders.arns) == 200
    _all_ends_well(scene, orders)


def _all_ends_well(scene: Scene, orders: Orders) -> None:
    """Each step ran once, each invocation ended by itself: a service that dies costs nothing but
    time."""
    histories = orders.until_closed(scene.caller)
    orders.check(histories)
    orders.check_single_runs()
    for history in histories.values():
        assert invocation_errors(history) == [None, None], story_of(history)
