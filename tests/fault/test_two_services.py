"""Two service processes on one Postgres; one is killed under load."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.function_calls import create
from tests.fault.orders import HANDLER, Orders
from tests.support.caller import Caller
from tests.support.service import ServiceProcess, running_service
from tests.support.waiting import eventually
from tests.support.worker import running_worker

SPECS = [str(HANDLER)]
OPTIONS = ["--concurrency", "6"]


Pair = tuple[ServiceProcess, ServiceProcess]


@pytest.fixture(params=[[], ["--no-notify"]], ids=["notify", "no-notify"])
def pair(request: pytest.FixtureRequest, database_url: str, tmp_path: Path) -> Iterator[Pair]:
    with (
        running_service(tmp_path / "a", database_url=database_url, options=request.param) as first,
        running_service(tmp_path / "b", database_url=database_url, options=request.param) as second,
    ):
        yield first, second


def test_one_serves_what_the_other_starts(
    pair: Pair, orders: Orders, order: str, tmp_path: Path
) -> None:
    """The worker polls the second, the callers speak to the first, which fires no timer of the
    other's and hears of the end of an execution only through Postgres."""
    first, second = pair
    with running_worker(tmp_path, second.url, SPECS, options=OPTIONS):
        caller = Caller(first.url)
        answer = caller.call("orders:$LATEST", orders.event(order))
    assert answer.error is None
    assert answer.arn is not None
    for service in pair:
        orders.check({order: Caller(service.url).history(answer.arn)})


def test_the_other_goes_on_with_all_of_it(
    pair: Pair, orders: Orders, order: str, tmp_path: Path
) -> None:
    """The worker of the killed one lives on with what it ran; that is taken from it, and it comes
    back as an honest worker."""
    first, second = pair
    with (
        running_worker(tmp_path / "a", first.url, SPECS, options=OPTIONS),
        running_worker(tmp_path / "b", second.url, SPECS, options=OPTIONS),
    ):
        lost, left = Caller(first.url), Caller(second.url)
        started = orders.start_many([lost, left], 50) + orders.start_many([left, lost], 50)
        eventually(lambda: len(orders.runs()) > 100, 60)
        first.kill()
        for start in started:
            start.result(60)
        orders.check(orders.until_closed(left))
        first.start()
        orders.start(lost, order)
        orders.check(orders.until_closed(lost))


def test_one_that_stood_still_for_longer_than_a_lease_does_no_harm(
    pair: Pair, orders: Orders, order: str, tmp_path: Path
) -> None:
    """It wakes up with commits under way, timers long overdue and states that others moved."""
    first, second = pair
    with (
        running_worker(tmp_path / "a", first.url, SPECS, options=OPTIONS),
        running_worker(tmp_path / "b", second.url, SPECS, options=OPTIONS),
    ):
        still = Caller(first.url, read_timeout_seconds=3)
        left = Caller(second.url)
        started = orders.start_many([still, left], 60)
        eventually(lambda: len(orders.runs()) > 60, 60)
        with first.frozen():
            for start in started:
                start.result(60)
            before = orders.until_closed(left)
        orders.start(still, order)
        after = orders.until_closed(still)
    assert {name: after[name] for name in before} == before
    orders.check(after)


def test_a_caller_gets_the_tail_of_a_log_that_the_other_was_sent(
    pair: Pair, tmp_path: Path
) -> None:
    first, second = pair
    chatter = Path(__file__).parents[1] / "e2e" / "handlers" / "chatter.py"
    with running_worker(tmp_path, second.url, [str(chatter)], options=["--plain", "chatter"]):
        answer = Caller(first.url).client.invoke(
            FunctionName="chatter", LogType="Tail", Payload=b'{"lines": 2}'
        )
    lines = base64.b64decode(answer["LogResult"]).decode().splitlines()
    assert lines[1:3] == ["line 0", "line 1"]
    assert lines[-1].startswith("REPORT RequestId: ")


def test_a_version_may_go_once_the_other_knows_that_its_alias_has_moved(pair: Pair) -> None:
    first, second = (Caller(service.url).client for service in pair)
    create(first, "f", DurableConfig={"ExecutionTimeout": 60}, Publish=True)
    first.create_alias(FunctionName="f", Name="live", FunctionVersion="1")
    first.update_function_configuration(FunctionName="f", MemorySize=256)
    first.publish_version(FunctionName="f")

    def meant_by_live() -> str:
        return str(second.get_alias(FunctionName="f", Name="live")["FunctionVersion"])

    assert meant_by_live() == "1"
    first.update_alias(FunctionName="f", Name="live", FunctionVersion="2")
    eventually(lambda: meant_by_live() == "2")
    first.delete_function(FunctionName="f", Qualifier="1")
    started = second.invoke(FunctionName="f:live", InvocationType="Event")
    assert ":function:f:2/" in started["DurableExecutionArn"]
