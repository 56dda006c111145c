"""At most so many invocations of a function at a time, as PutFunctionConcurrency says."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.contract.raw_worker import Delivered, RawWorker
from tests.support.waiting import eventually

REFUSED = "TooManyRequestsException: ReservedFunctionConcurrentInvocationLimitExceeded"


@pytest.fixture
def background() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(32) as pool:
        yield pool


def limit(aws: Any, worker: RawWorker, count: int) -> None:
    aws.put_function_concurrency(FunctionName=worker.function, ReservedConcurrentExecutions=count)


def start(aws: Any, worker: RawWorker) -> str:
    started = aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    return str(started["DurableExecutionArn"])


def call(aws: Any, worker: RawWorker, **request: Any) -> str:
    """A synchronous call: its result, or the error's code and reason."""
    try:
        answer = aws.invoke(FunctionName=f"{worker.function}:$LATEST", **request)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response.get('Reason')}"
    return str(answer["Payload"].read().decode())


def events(aws: Any, arn: str) -> list[str]:
    history = aws.get_durable_execution_history(DurableExecutionArn=arn)
    return [event["EventType"] for event in history["Events"]]


def take(worker: RawWorker, count: int) -> list[Delivered]:
    """So many, by a worker with slots for many more."""
    running: list[Delivered] = []
    while len(running) < count:
        running += worker.poll(slots=20)
        worker.heartbeat(*(one.id for one in running))
    return running


def test_no_more_are_handed_out_than_are_reserved(aws: Any, worker: RawWorker) -> None:
    limit(aws, worker, 2)
    arns = {start(aws, worker) for _ in range(5)}
    done = set()
    for expected in (2, 2, 1):
        running = take(worker, expected)
        assert len(running) == expected
        assert worker.poll(slots=20, wait_seconds=0.5) == [], "the others wait"
        worker.heartbeat(*(one.id for one in running))
        for one in running:
            worker.succeed(one)
            done.add(one.arn)
    assert done == arns


def test_a_synchronous_call_beyond_the_limit_is_refused_and_starts_nothing(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    limit(aws, worker, 1)
    first = background.submit(call, aws, worker)
    running = worker.take()
    with pytest.raises(ClientError) as refused:
        aws.invoke(FunctionName=f"{worker.function}:$LATEST")
    answer = refused.value.response
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert answer["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "1"
    assert f"{answer['Error']['Code']}: {answer.get('Reason')}" == REFUSED
    worker.succeed(running)
    assert first.result() == '"done"'
    listed = aws.list_durable_executions_by_function(FunctionName=worker.function)
    assert len(listed["DurableExecutions"]) == 1
    second = background.submit(call, aws, worker)
    worker.succeed(worker.take())
    assert second.result() == '"done"'


def test_of_many_calls_at_once_as_many_pass_as_are_reserved(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    limit(aws, worker, 3)
    taking = background.submit(take, worker, 3)
    calls = [background.submit(call, aws, worker) for _ in range(12)]
    running = taking.result()
    eventually(lambda: sum(one.done() for one in calls) == 9)
    assert [one.result() for one in calls if one.done()] == [REFUSED] * 9
    worker.heartbeat(*(one.id for one in running))
    assert len(running) == 3
    for one in running:
        worker.succeed(one)
    assert sorted(one.result() for one in calls) == ['"done"'] * 3 + [REFUSED] * 9


def test_a_limit_of_none_stops_a_function_and_taking_it_away_starts_it_again(
    aws: Any, worker: RawWorker
) -> None:
    limit(aws, worker, 0)
    assert call(aws, worker) == REFUSED
    arn = start(aws, worker)
    assert worker.poll(wait_seconds=1.5) == []
    aws.delete_function_concurrency(FunctionName=worker.function)
    delivered = worker.take()
    assert delivered.arn == arn
    worker.succeed(delivered)


def test_who_attaches_to_an_execution_is_not_refused(
    aws: Any, worker: RawWorker, background: ThreadPoolExecutor
) -> None:
    limit(aws, worker, 1)
    first = background.submit(call, aws, worker, DurableExecutionName="one")
    running = worker.take()
    again = background.submit(call, aws, worker, DurableExecutionName="one")
    assert call(aws, worker, DurableExecutionName="another") == REFUSED
    worker.succeed(running)
    assert first.result() == again.result() == '"done"'


def test_an_execution_that_goes_on_after_a_wait_waits_for_its_turn(
    aws: Any, worker: RawWorker
) -> None:
    limit(aws, worker, 1)
    arn = start(aws, worker)
    delivered = worker.take()
    wait = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}
    aws.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=delivered.token, Updates=[wait]
    )
    worker.suspend(delivered)
    other = start(aws, worker)
    running = worker.take()
    assert running.arn == other
    eventually(lambda: "WaitSucceeded" in events(aws, arn))
    assert worker.poll(wait_seconds=0.5) == []
    assert call(aws, worker) == REFUSED
    worker.heartbeat(running.id)
    worker.succeed(running)
    resumed = worker.take()
    assert resumed.arn == arn
    worker.succeed(resumed)


def test_what_a_worker_loses_makes_room(aws: Any, http: httpx.Client, worker: RawWorker) -> None:
    limit(aws, worker, 1)
    arns = [start(aws, worker) for _ in range(2)]
    worker.take()
    assert http.delete(f"/v1/workers/{worker.id}").status_code == 200
    other = RawWorker(http, worker.function)
    other.register()
    found = []
    for _ in range(2):
        delivered = other.take()
        found.append(delivered.arn)
        other.succeed(delivered)
    assert sorted(found) == sorted(arns)
