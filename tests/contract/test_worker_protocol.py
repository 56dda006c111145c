"""What a worker and the service tell each other, call by call."""

from __future__ import annotations

import json
import socket
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService
from tests.support.waiting import eventually

CONFIRM_SECONDS = 2.0


def start(aws: Any, worker: RawWorker) -> str:
    started = aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    return str(started["DurableExecutionArn"])


def events(aws: Any, arn: str) -> list[str]:
    history = aws.get_durable_execution_history(DurableExecutionArn=arn)
    return [event["EventType"] for event in history["Events"]]


def test_registering_tells_the_pace_and_what_is_missing(worker: RawWorker) -> None:
    answer = worker.register(CodeSha256="ab" * 32).json()
    assert answer["LeaseSeconds"] == 8
    assert answer["HeartbeatSeconds"] == 2
    (function,) = answer["Functions"]
    assert function["FunctionName"] == worker.function
    assert function["FunctionArn"].endswith(f":function:{worker.function}")
    assert function["CodeMissing"] is True


def test_an_invocation_carries_what_a_runtime_needs(aws: Any, worker: RawWorker) -> None:
    arn = start(aws, worker)
    delivered = worker.take()
    header = delivered.header
    uuid.UUID(header["InvocationId"])
    assert header["FunctionName"] == worker.function
    assert header["Version"] == "$LATEST"
    assert header["FunctionArn"].endswith(f":function:{worker.function}:$LATEST")
    assert header["Handler"] == "app.handler"
    assert header["TimeoutSeconds"] == 60
    assert delivered.arn == arn
    (execution,) = delivered.event["InitialExecutionState"]["Operations"]
    assert execution["Id"] == arn.rpartition("/")[2]
    worker.succeed(delivered)


def test_a_poll_without_work_is_answered_empty_in_time(worker: RawWorker) -> None:
    begun = time.monotonic()
    assert worker.poll(wait_seconds=0.2) == []
    assert 0.2 <= time.monotonic() - begun < 5


def test_a_second_poll_takes_the_place_of_the_first(aws: Any, worker: RawWorker) -> None:
    with ThreadPoolExecutor() as threads:
        first = threads.submit(worker.poll, wait_seconds=20)
        # Again and again: the first one may not have come yet.
        eventually(lambda: worker.poll(wait_seconds=0) == [] and first.done())
        assert first.result() == []
        start(aws, worker)
        worker.succeed(worker.take())


def test_a_worker_gets_no_more_than_it_has_slots_for(aws: Any, worker: RawWorker) -> None:
    arns = {start(aws, worker) for _ in range(3)}
    first = worker.poll(slots=2)
    while len(first) < 2:
        worker.heartbeat(*(delivered.id for delivered in first))
        first += worker.poll(slots=2 - len(first))
    assert len(first) == 2
    worker.heartbeat(*(delivered.id for delivered in first))
    last = worker.take()
    assert {delivered.arn for delivered in [*first, last]} == arns
    for delivered in [*first, last]:
        worker.succeed(delivered)


def test_what_is_not_confirmed_is_delivered_again(aws: Any, worker: RawWorker) -> None:
    """The first answer was lost on its way: no event tells of it."""
    arn = start(aws, worker)
    begun = time.monotonic()
    (first,) = worker.poll()
    second = worker.take()
    assert time.monotonic() - begun >= CONFIRM_SECONDS - 0.5
    assert second.id != first.id
    assert second.arn == first.arn == arn
    assert worker.finish(first, b'{"Status": "SUCCEEDED"}').status_code == 202
    assert events(aws, arn) == ["ExecutionStarted"]
    worker.succeed(second)
    assert events(aws, arn)[1:] == ["InvocationCompleted", "ExecutionSucceeded"]


def test_a_poll_confirms_what_the_last_one_brought(
    aws: Any, http: httpx.Client, worker: RawWorker
) -> None:
    arn = start(aws, worker)
    (delivered,) = worker.poll()
    wait_seconds = CONFIRM_SECONDS + 0.5
    body = {
        "Free": {worker.function: 1},
        "Confirm": [delivered.id],
        "WaitSeconds": wait_seconds,
    }
    assert http.post(f"/v1/workers/{worker.id}/poll", json=body).content == b""
    worker.succeed(delivered)
    assert events(aws, arn)[-1] == "ExecutionSucceeded"


def test_a_result_may_be_repeated(aws: Any, worker: RawWorker) -> None:
    arn = start(aws, worker)
    delivered = worker.take()
    for _ in range(2):
        worker.succeed(delivered)
    assert events(aws, arn)[1:] == ["InvocationCompleted", "ExecutionSucceeded"]


def test_the_result_of_an_unknown_invocation_is_dropped(
    http: httpx.Client, worker: RawWorker
) -> None:
    answer = http.post(
        f"/v1/workers/{worker.id}/invocations/{uuid.uuid4()}/result",
        content=b"{}",
        headers={"Perdure-Outcome": "returned"},
    )
    assert (answer.status_code, answer.json()) == (202, {})


@pytest.mark.parametrize(
    ("outcome", "error_type"),
    [("exit", "Runtime.ExitError"), ("timeout", "Sandbox.Timedout"), ("error", "Oops")],
)
def test_a_failed_invocation_is_made_again_soon(
    aws: Any, http: httpx.Client, worker: RawWorker, outcome: str, error_type: str
) -> None:
    arn = start(aws, worker)
    body = f'{{"errorType": "{error_type}", "errorMessage": "no"}}'.encode()
    assert worker.finish(worker.take(), body, outcome).status_code == 202
    queued = http.get(f"/v1/executions/{arn}").json()["invocation"]
    worker.succeed(worker.take())
    history = aws.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    failed, ended = [e for e in history if e["EventType"] == "InvocationCompleted"]
    pause = datetime.fromisoformat(queued["next_try_at"]) - failed["EventTimestamp"]
    assert timedelta(seconds=0.099) <= pause <= timedelta(seconds=0.2)
    error = failed["InvocationCompletedDetails"]["Error"]["Payload"]
    assert (error["ErrorType"], error["ErrorMessage"]) == (error_type, "no")
    assert "Error" not in ended["InvocationCompletedDetails"]


def test_what_a_worker_no_longer_holds_when_it_registers_is_given_to_the_next(
    aws: Any, worker: RawWorker
) -> None:
    arn = start(aws, worker)
    lost = worker.take()
    worker.register()
    again = worker.take()
    assert (again.arn, again.id != lost.id) == (arn, True)
    worker.succeed(again)


def test_what_a_worker_is_handed_while_it_registers_stays_with_it(
    aws: Any, service: RunningService, worker: RawWorker
) -> None:
    """It polls on a connection of its own, and does not speak of what comes after it wrote."""
    body = json.dumps(worker.registration()).encode()
    with socket.create_connection(("127.0.0.1", service.port), 30) as connection:
        head = f"POST /v1/workers HTTP/1.1\r\nhost: here\r\ncontent-length: {len(body)}\r\n\r\n"
        connection.sendall(head.encode() + body[:-1])
        arn = start(aws, worker)
        delivered = worker.take()
        connection.sendall(body[-1:])
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert worker.poll(wait_seconds=0.2) == []
    worker.succeed(delivered)
    assert events(aws, arn)[1:] == ["InvocationCompleted", "ExecutionSucceeded"]


def test_what_a_worker_holds_when_it_registers_stays_with_it(aws: Any, worker: RawWorker) -> None:
    arn = start(aws, worker)
    held = worker.take()
    worker.register(held=[held.id])
    assert worker.poll(wait_seconds=0.2) == []
    worker.succeed(held)
    assert events(aws, arn)[-1] == "ExecutionSucceeded"


def test_what_a_worker_that_leaves_still_has_is_given_to_the_next(
    aws: Any, http: httpx.Client, worker: RawWorker
) -> None:
    arn = start(aws, worker)
    worker.take()
    assert http.delete(f"/v1/workers/{worker.id}").status_code == 200
    other = RawWorker(http, worker.function)
    other.register()
    delivered = other.take()
    assert delivered.arn == arn
    other.succeed(delivered)


def test_a_worker_that_is_unknown_is_told_to_register(http: httpx.Client, function: str) -> None:
    stranger = RawWorker(http, function)
    for path, body in (("poll", {"Free": {}, "Confirm": [], "WaitSeconds": 0}), ("heartbeat", {})):
        answer = http.post(f"/v1/workers/{stranger.id}/{path}", json={"Held": [], **body})
        assert answer.status_code == 404
        assert answer.headers["x-amzn-errortype"] == "ResourceNotFoundException"


def test_a_function_cannot_change_its_durability(worker: RawWorker) -> None:
    answer = worker.register(DurableConfig=None)
    assert answer.status_code == 409
    assert answer.headers["x-amzn-errortype"] == "ResourceConflictException"
