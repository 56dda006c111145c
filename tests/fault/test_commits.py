"""The service is killed at every commit of an order, just before it and just after."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.fault.orders import HANDLER, Orders, invocation_errors
from tests.support.caller import Caller, story_of
from tests.support.emulator import Emulator, push_target
from tests.support.postgres import DatabaseServer
from tests.support.relay import PostgresRelay, Side
from tests.support.service import ServiceProcess, running_service
from tests.support.worker import running_worker

FLUSHES = 8
"""start and first delivery, two steps, the wait, its suspension, its end and the second delivery,
the third step, the end"""

STORY = [
    "ExecutionStarted",
    "StepStarted validate",
    "StepSucceeded validate",
    "StepStarted pay",
    "StepSucceeded pay",
    "WaitStarted warehouse",
    "WaitSucceeded warehouse",
    "StepStarted confirm",
    "StepSucceeded confirm",
    "ExecutionSucceeded",
]


@dataclass(frozen=True, slots=True)
class Scene:
    relay: PostgresRelay
    service: ServiceProcess
    caller: Caller

    def restart(self) -> None:
        """kill -9, and a new service on the same port and database."""
        self.service.kill()
        self.relay.reset()
        self.service.start()


@pytest.fixture(scope="module")
def scene(
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("commits")
    with database_server.clone(template_database) as url:
        relay = PostgresRelay(url)
        with (
            relay.running(),
            running_service(folder, database_url=relay.url) as service,
            running_worker(folder, service.url, [str(HANDLER)], options=["--concurrency", "4"]),
        ):
            caller = Caller(service.url)
            yield Scene(relay, service, caller)


def test_an_order_is_eight_commits(scene: Scene, orders: Orders, order: str) -> None:
    _warm_up(scene, orders)
    before = scene.relay.flushes
    orders.start(scene.caller, order)
    orders.until_closed(scene.caller)
    assert scene.relay.flushes - before == FLUSHES


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("flush", range(1, FLUSHES + 1))
def test_a_kill_at_any_commit_loses_nothing_and_repeats_nothing(
    scene: Scene, orders: Orders, order: str, flush: int, side: Side
) -> None:
    _disturbed_order(scene, orders, order, flush, side, scene.restart)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize("flush", range(1, FLUSHES + 1))
def test_a_connection_lost_at_any_commit_loses_nothing_and_repeats_nothing(
    scene: Scene, orders: Orders, order: str, flush: int, side: Side
) -> None:
    """The service lives, and does not know whether the commit has happened."""
    _disturbed_order(scene, orders, order, flush, side, scene.relay.reset)
    assert scene.service.is_running


@pytest.mark.parametrize("flush", range(4, 13))
def test_a_kill_at_any_commit_of_a_chained_order(
    scene: Scene, orders: Orders, order: str, flush: int
) -> None:
    """From the commit that starts the child to the one that ends the parent."""
    child = f"{order}-child"
    _warm_up(scene, orders)
    scene.relay.freeze(flush, Side.AFTER)
    with ThreadPoolExecutor() as threads:
        started = threads.submit(orders.start, scene.caller, order, wait=0, child=child)
        assert scene.relay.frozen.wait(30)
        scene.restart()
        started.result()
    (history,) = orders.until_closed(scene.caller).values()
    (invoked,) = [event for event in history if event["EventType"] == "ChainedInvokeStarted"]
    child_arn = invoked["ChainedInvokeStartedDetails"]["DurableExecutionArn"]
    histories = {order: history, child: scene.caller.history(child_arn)}
    orders.check(histories)
    orders.check_single_runs()


def test_a_push_is_made_though_nobody_knew_that_it_was_claimed(scene: Scene) -> None:
    emulator = Emulator(lambda _: {"Status": "SUCCEEDED", "Result": '"pushed"'})
    with emulator.running(), ThreadPoolExecutor() as threads:
        name = push_target(scene.caller, emulator.url, DurableConfig={"ExecutionTimeout": 60})
        caller = Caller(scene.service.url, attempts=5)
        scene.relay.freeze(1, Side.AFTER)
        answer = threads.submit(caller.call, f"{name}:$LATEST", {})
        assert scene.relay.frozen.wait(30)
        scene.relay.reset()
        assert answer.result().json == "pushed"
    assert emulator.calls == 1


def _disturbed_order(
    scene: Scene, orders: Orders, order: str, flush: int, side: Side, disturb: Callable[[], None]
) -> None:
    _warm_up(scene, orders)
    scene.relay.freeze(flush, side)
    with ThreadPoolExecutor() as threads:
        started = threads.submit(orders.start, scene.caller, order)
        assert scene.relay.frozen.wait(30)
        disturb()
        arn = started.result()
    history = orders.until_closed(scene.caller)[order]
    # The wait may be over before its invocation has ended.
    assert [told for told in story_of(history) if told != "InvocationCompleted"] == STORY
    assert invocation_errors(history) == [None, None]
    orders.check({order: history})
    orders.check_single_runs()
    assert arn == orders.start(scene.caller, order)


def _warm_up(scene: Scene, orders: Orders) -> None:
    """The worker polls and its process is up: the next start is claimed by its own commit."""
    orders.start(scene.caller, f"warm-{uuid.uuid4().hex[:8]}", wait=0)
    orders.until_closed(scene.caller)
    orders.arns.clear()
