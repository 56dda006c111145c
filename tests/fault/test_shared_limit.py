"""Reserved concurrency holds over all service processes, whatever happens to one of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.contract.raw_worker import RawWorker
from tests.support.caller import Caller
from tests.support.service import ServiceProcess, running_service

LIMIT = 3
EXECUTIONS = 40

Pair = tuple[ServiceProcess, ServiceProcess]


@pytest.fixture
def pair(database_url: str, tmp_path: Path) -> Iterator[Pair]:
    """They tell each other nothing: a limit is news to the other for up to a second."""
    options = ["--no-notify"]
    with (
        running_service(tmp_path / "a", database_url=database_url, options=options) as first,
        running_service(tmp_path / "b", database_url=database_url, options=options) as second,
    ):
        yield first, second


class Crew:
    """Workers of one function with far more slots than may be used, which tell how many
    invocations they had at a time."""

    def __init__(self, function: str) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._running = 0
        self.peak = 0
        self.done: set[str] = set()
        self.all_done = threading.Event()

    def work(self, service: ServiceProcess) -> None:
        """Until all is done, or the service is gone."""
        with httpx.Client(base_url=service.url, timeout=30) as http:
            worker = RawWorker(http, self._function)
            try:
                worker.register()
                while not self.all_done.is_set():
                    delivered = worker.poll(slots=16, wait_seconds=0.5)
                    with self._lock:
                        self._running += len(delivered)
                        self.peak = max(self.peak, self._running)
                    worker.heartbeat(*(one.id for one in delivered))
                    for one in delivered:
                        with self._lock:
                            self._running -= 1
                        worker.succeed(one)
                        self._note(one.arn)
            except httpx.TransportError:
                return

    def _note(self, arn: str) -> None:
        with self._lock:
            self.done.add(arn)
            if len(self.done) == EXECUTIONS:
                self.all_done.set()


def run(crew: Crew, services: Pair) -> ExitStack:
    """The crew works for both, until the stack is closed."""
    stack = ExitStack()
    for service in services:
        thread = threading.Thread(target=crew.work, args=(service,))
        thread.start()
        stack.callback(thread.join, 30)
    stack.callback(crew.all_done.set)
    return stack


def served(service: ServiceProcess, name: str) -> str:
    with httpx.Client(base_url=service.url, timeout=30) as http:
        assert RawWorker(http, name).register().status_code == 200
    return name


def start(caller: Caller, function: str) -> str:
    answer = caller.client.invoke(FunctionName=f"{function}:$LATEST", InvocationType="Event")
    return str(answer["DurableExecutionArn"])


def test_two_that_race_for_the_last_place_do_not_both_get_it(pair: Pair) -> None:
    first, second = (Caller(service.url) for service in pair)
    function = served(pair[0], "limited")
    second.client.get_function(FunctionName=function)
    first.client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=LIMIT)
    crew = Crew(function)
    with run(crew, pair):
        arns = {start((first, second)[n % 2], function) for n in range(EXECUTIONS)}
        assert crew.all_done.wait(60)
    assert crew.done == arns
    assert crew.peak <= LIMIT


def test_what_a_killed_one_had_claimed_makes_room(pair: Pair) -> None:
    """After a lease, and nobody is beyond the limit meanwhile."""
    first, second = (Caller(service.url) for service in pair)
    function = served(pair[0], "limited")
    second.client.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=1)
    with httpx.Client(base_url=pair[0].url, timeout=30) as http:
        lost = RawWorker(http, function)
        lost.register()
        arns = [start(first, function)]
        lost.take()
    pair[0].kill()
    arns.append(start(second, function))
    with httpx.Client(base_url=pair[1].url, timeout=30) as http:
        worker = RawWorker(http, function)
        worker.register()
        found: list[str] = []
        while len(found) < 2:
            for delivered in worker.poll(slots=16, wait_seconds=2):
                worker.heartbeat(delivered.id)
                assert worker.poll(slots=16, wait_seconds=0) == []
                worker.succeed(delivered)
                found.append(delivered.arn)
    assert sorted(found) == sorted(arns)
