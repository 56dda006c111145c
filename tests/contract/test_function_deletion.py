"""What becomes of the executions of a function, or of a version, that is deleted."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.function_calls import create_from_zip, zipped
from tests.contract.raw_worker import PoolWorker
from tests.contract.running_service import RunningService, running_service
from tests.support.waiting import eventually

DURABLE = {"ExecutionTimeout": 3_600, "RetentionPeriodInDays": 7}
WAIT = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 3_000}}
RUNTIME = "provided.al2"
"""Of no other test's worker."""


@pytest.fixture
def pool(http: httpx.Client) -> PoolWorker:
    worker = PoolWorker(http, RUNTIME)
    assert worker.register().status_code == 200
    return worker


@pytest.fixture
def deployed(aws: Any, pool: PoolWorker, function: str) -> str:
    create_from_zip(aws, function, Runtime=RUNTIME, DurableConfig=DURABLE, Publish=True)
    return function


def start(aws: Any, function: str, **more: Any) -> str:
    answer = aws.invoke(FunctionName=function, InvocationType="Event", Payload=b"{}", **more)
    return str(answer["DurableExecutionArn"])


def status(aws: Any, arn: str) -> str:
    return str(aws.get_durable_execution(DurableExecutionArn=arn)["Status"])


def fails(aws: Any, arn: str) -> None:
    eventually(lambda: status(aws, arn) == "FAILED", 20)


def suspended(aws: Any, pool: PoolWorker, function: str) -> str:
    """The ARN of an execution that waits for 3,000 seconds."""
    arn = start(aws, function)
    taken = pool.take()
    aws.checkpoint_durable_execution(
        DurableExecutionArn=arn, CheckpointToken=taken.token, Updates=[WAIT]
    )
    pool.http.post(
        f"/v1/workers/{pool.id}/invocations/{taken.id}/result",
        content=b'{"Status": "PENDING"}',
        headers={"Perdure-Outcome": "returned"},
    )
    return arn


def test_whatever_they_wait_for_they_fail_and_what_has_ended_stays(
    aws: Any, pool: PoolWorker, deployed: str
) -> None:
    target = f"{deployed}:1"
    closed = start(aws, target)
    pool.succeed(pool.take())
    waits, paused = suspended(aws, pool, target), suspended(aws, pool, target)
    aws.pause_durable_execution(DurableExecutionArn=paused)
    running = start(aws, target)
    taken = pool.take()
    queued = start(aws, f"{deployed}:$LATEST")
    aws.delete_function(FunctionName=deployed)
    for arn in (waits, paused, running, queued):
        fails(aws, arn)
        error = aws.get_durable_execution(DurableExecutionArn=arn)["Error"]
        function_arn = arn.partition("/durable-execution")[0]
        assert error["ErrorType"] == "ResourceNotFoundException"
        assert error["ErrorMessage"] == f"Function not found: {function_arn}"
    with pytest.raises(aws.exceptions.InvalidParameterValueException, match="checkpoint token"):
        aws.checkpoint_durable_execution(
            DurableExecutionArn=running, CheckpointToken=taken.token, Updates=[WAIT]
        )
    pool.succeed(taken)
    assert status(aws, running) == "FAILED"
    assert status(aws, closed) == "SUCCEEDED"
    assert aws.get_durable_execution_history(DurableExecutionArn=closed)["Events"]
    for call in (aws.get_function, aws.delete_function, aws.list_versions_by_function):
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            call(FunctionName=deployed)
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.invoke(FunctionName=target, InvocationType="Event")


def test_a_caller_who_waits_is_told(aws: Any, pool: PoolWorker, function: str) -> None:
    create_from_zip(aws, function, Runtime=RUNTIME)
    with ThreadPoolExecutor(1) as thread:
        called = thread.submit(aws.invoke, FunctionName=function, Payload=b"{}")
        pool.take()
        aws.delete_function(FunctionName=function)
        answer = called.result(20)
    assert answer["FunctionError"] == "Unhandled"
    assert "Function not found: " in json.loads(answer["Payload"].read())["errorMessage"]


def test_only_the_executions_of_a_version_fail_with_it(
    aws: Any, pool: PoolWorker, deployed: str
) -> None:
    aws.update_function_code(FunctionName=deployed, ZipFile=zipped("second"), Publish=True)
    first, second = (suspended(aws, pool, f"{deployed}:{n}") for n in (1, 2))
    aws.delete_function(FunctionName=deployed, Qualifier="1")
    fails(aws, first)
    assert status(aws, second) == "RUNNING"
    for qualifier, message in (("$LATEST", "without deleting the function"), ("live", "by alias")):
        with pytest.raises(aws.exceptions.InvalidParameterValueException, match=message):
            aws.delete_function(FunctionName=deployed, Qualifier=qualifier)
    with pytest.raises(aws.exceptions.ResourceNotFoundException):
        aws.delete_function(FunctionName=deployed, Qualifier="1")
    aws.update_function_code(FunctionName=deployed, ZipFile=zipped("third"))
    assert aws.publish_version(FunctionName=deployed)["Version"] == "3", "numbers are never reused"
    aws.stop_durable_execution(DurableExecutionArn=second)


def test_a_function_created_again_is_another_one(aws: Any, pool: PoolWorker, deployed: str) -> None:
    named = {"DurableExecutionName": "order-1"}
    old = start(aws, f"{deployed}:1", **named)
    pool.succeed(pool.take())
    open_still = suspended(aws, pool, f"{deployed}:1")
    aws.delete_function(FunctionName=deployed)
    create_from_zip(
        aws, deployed, "other code", Runtime=RUNTIME, DurableConfig=DURABLE, Publish=True
    )
    new = start(aws, f"{deployed}:1", **named)
    assert new != old
    assert pool.take().arn == new
    assert start(aws, f"{deployed}:1", **named) == new, "the name is the new one's"
    listed = aws.list_durable_executions_by_function(FunctionName=deployed, Qualifier="1")
    assert [one["DurableExecutionArn"] for one in listed["DurableExecutions"]] == [new]
    fails(aws, open_still)
    assert status(aws, old) == "SUCCEEDED"
    assert status(aws, new) == "RUNNING"
    aws.stop_durable_execution(DurableExecutionArn=new)


def test_what_a_service_that_died_has_left_the_next_one_does(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str, tmp_path: Path
) -> None:
    """As it is when the service dies right after the commit of the deletion."""
    waits = suspended(aws, pool, f"{deployed}:1")
    service.execute("DELETE FROM function WHERE name = %s", deployed)
    service.execute(
        "WITH gone AS (DELETE FROM function_version WHERE function_name = %s RETURNING *)"
        " INSERT INTO deleted_version SELECT id, account, function_name, clock_timestamp()"
        " FROM gone",
        deployed,
    )
    assert status(aws, waits) == "RUNNING"
    with running_service(tmp_path, service.database_url):
        fails(aws, waits)
