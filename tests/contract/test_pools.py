"""Workers that run whatever was deployed for a runtime."""

from __future__ import annotations

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from tests.contract.raw_worker import PoolWorker, RawWorker
from tests.contract.running_service import RunningService
from tests.support.deployed import deploy
from tests.support.waiting import eventually


@pytest.fixture
def pool(http: httpx.Client) -> PoolWorker:
    """A registered worker of a runtime that no other test uses."""
    worker = PoolWorker(http, f"python3.{uuid.uuid4().int}")
    assert worker.register().status_code == 200
    return worker


@pytest.fixture
def deployed(service: RunningService, function: str, pool: PoolWorker) -> str:
    """A durable function of the pool's runtime."""
    deploy(service.database_url, function, runtime=pool.runtime)
    return function


def start(aws: Any, function: str, qualifier: str = "$LATEST") -> str:
    started = aws.invoke(FunctionName=f"{function}:{qualifier}", InvocationType="Event")
    return str(started["DurableExecutionArn"])


def status(aws: Any, arn: str) -> str:
    return str(aws.get_durable_execution(DurableExecutionArn=arn)["Status"])


def test_what_is_deployed_is_run_by_a_pool_of_its_runtime(
    aws: Any, pool: PoolWorker, deployed: str
) -> None:
    arn = start(aws, deployed)
    delivered = pool.take()
    assert delivered.arn == arn
    pool.succeed(delivered)
    assert status(aws, arn) == "SUCCEEDED"


def test_an_invocation_of_deployed_code_carries_all_that_starting_it_needs(
    aws: Any, pool: PoolWorker, deployed: str
) -> None:
    start(aws, deployed)
    delivered = pool.take()
    header = delivered.header
    uuid.UUID(header["RevisionId"])
    assert {name: header[name] for name in _OF_DEPLOYED} == {
        "Version": "$LATEST",
        "Runtime": pool.runtime,
        "Handler": "app.handler",
        "CodeSha256": "ab" * 32,
        "Environment": {"STAGE": "test"},
        "MemorySize": 256,
        "TimeoutSeconds": 60,
        "Durable": True,
    }
    pool.succeed(delivered)


_OF_DEPLOYED = (
    "Version",
    "Runtime",
    "Handler",
    "CodeSha256",
    "Environment",
    "MemorySize",
    "TimeoutSeconds",
    "Durable",
)


def test_a_version_that_is_deployed_while_the_pool_polls_is_run_by_it(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    pool.poll(wait_seconds=0)
    deploy(service.database_url, deployed, runtime=pool.runtime, version="1")
    arn = start(aws, deployed, "1")
    delivered = pool.take()
    assert (delivered.arn, delivered.header["Version"]) == (arn, "1")
    pool.succeed(delivered)


def test_a_pool_gets_no_more_than_its_total_and_no_more_of_a_function_than_it_said(
    aws: Any, service: RunningService, http: httpx.Client, pool: PoolWorker, deployed: str
) -> None:
    pool.register(per_function=2)
    other = f"{deployed}-other"
    deploy(service.database_url, other, runtime=pool.runtime)
    arns = {start(aws, deployed) for _ in range(3)}
    running = pool.poll(total=5)
    while len(running) < 2:
        running += pool.poll(total=5 - len(running), **{deployed: 2 - len(running)})
    assert pool.poll(total=3, wait_seconds=1.5, **{deployed: 0}) == [], "two of it run already"
    pool.heartbeat(*(one.id for one in running))
    pool.poll(total=0, wait_seconds=0)  # withdraws what the last one left over
    another = start(aws, other)
    assert pool.poll(total=0, wait_seconds=1.5, **{deployed: 0}) == [], "all slots are taken"
    running += pool.poll(total=1, **{deployed: 0})
    assert running[-1].arn == another
    pool.heartbeat(*(one.id for one in running))
    pool.succeed(running[0])
    running += pool.poll(total=1, **{deployed: 1})
    assert {one.arn for one in running} == {*arns, another}
    for one in running[1:]:
        pool.succeed(one)


def test_what_a_worker_serves_by_name_is_not_run_by_a_pool(
    aws: Any, http: httpx.Client, pool: PoolWorker, function: str
) -> None:
    live = RawWorker(http, function)
    live.register(Runtime=pool.runtime)
    arn = start(aws, live.function)
    assert pool.poll(wait_seconds=1.5) == []
    delivered = live.take()
    assert delivered.arn == arn
    live.succeed(delivered)


def test_what_is_deployed_is_not_run_by_a_worker_of_its_name(
    aws: Any, http: httpx.Client, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    """A worker that registered the name earlier serves the versions of then, and no others."""
    live = RawWorker(http, f"{deployed}-live")
    live.register(Runtime=pool.runtime)
    deploy(service.database_url, live.function, runtime=pool.runtime, version="7")
    arn = start(aws, live.function, "7")
    assert live.poll(wait_seconds=1.5) == []
    delivered = pool.take()
    assert delivered.arn == arn
    pool.succeed(delivered)


def test_what_waits_is_run_by_the_pool_once_the_function_has_been_deployed(
    aws: Any, http: httpx.Client, service: RunningService, pool: PoolWorker, function: str
) -> None:
    live = RawWorker(http, function)
    live.register(Runtime=pool.runtime)
    arn = start(aws, function)
    assert http.delete(f"/v1/workers/{live.id}").status_code == 200
    service.execute(
        "UPDATE function_version SET deployed = true, code_sha256 = repeat('ab', 32),"
        " code_bytes = 10 WHERE function_name = %s",
        function,
    )
    delivered = eventually(lambda: pool.poll(wait_seconds=5))[0]
    assert delivered.arn == arn
    pool.succeed(delivered)


def refusal(call: Any, **request: Any) -> tuple[int, str, str]:
    with pytest.raises(ClientError) as refused:
        call(**request)
    answer = refused.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return status, answer["Error"]["Code"], answer["Error"]["Message"]


@pytest.mark.parametrize("kind", ["RequestResponse", "Event", "DryRun"])
@pytest.mark.parametrize("durable", [True, False], ids=["durable", "plain"])
def test_an_invocation_of_a_runtime_that_nobody_serves_is_refused_at_once(
    aws: Any,
    service: RunningService,
    function: str,
    pool: PoolWorker,
    kind: str,
    durable: bool,
) -> None:
    deploy(service.database_url, function, runtime="cobol85", durable=durable)
    status, code, text = refusal(
        aws.invoke, FunctionName=f"{function}:$LATEST", InvocationType=kind
    )
    assert (status, code) == (409, "ResourceConflictException"), "SDKs repeat neither"
    assert f"No worker serves the runtime cobol85 of function '{function}'" in text
    assert pool.runtime in text.partition("Served now: ")[2]
    assert "`perdure worker --pool cobol85`" in text
    assert service.written(function)[0] == 0


def test_the_first_worker_of_a_runtime_makes_it_served(
    aws: Any, http: httpx.Client, service: RunningService, function: str
) -> None:
    first = PoolWorker(http, f"java{uuid.uuid4().int}")
    deploy(service.database_url, function, runtime=first.runtime)
    refusal(aws.invoke, FunctionName=f"{function}:$LATEST")
    first.register()
    arn = start(aws, function)
    delivered = first.take()
    assert delivered.arn == arn
    first.succeed(delivered)


def test_a_runtime_whose_only_worker_is_restarted_counts_as_served(
    aws: Any, http: httpx.Client, pool: PoolWorker, deployed: str
) -> None:
    pool.leave()
    arn = start(aws, deployed)
    again = PoolWorker(http, pool.runtime)
    again.register()
    delivered = again.take()
    assert delivered.arn == arn
    again.succeed(delivered)


def test_a_runtime_is_no_longer_served_once_its_workers_are_long_gone(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    pool.leave()
    service.execute(
        "UPDATE worker SET seen_at = seen_at - interval '2 days' WHERE id = %s", pool.id
    )
    assert refusal(aws.invoke, FunctionName=f"{deployed}:$LATEST")[0] == 409


def test_who_attaches_to_an_execution_is_not_refused_for_its_runtime(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    request = {
        "FunctionName": f"{deployed}:$LATEST",
        "InvocationType": "Event",
        "DurableExecutionName": "one",
    }
    arn = aws.invoke(**request)["DurableExecutionArn"]
    pool.leave()
    service.execute(
        "UPDATE worker SET seen_at = seen_at - interval '2 days' WHERE id = %s", pool.id
    )
    # For some seconds what was served is taken for served.
    eventually(lambda: _is_refused(aws, deployed), 30)
    assert aws.invoke(**request)["DurableExecutionArn"] == arn
    assert status(aws, arn) == "RUNNING"


def test_who_waits_for_what_has_not_begun_is_told_when_no_worker_comes_back(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    plain = f"{deployed}-plain"
    deploy(service.database_url, plain, runtime=pool.runtime, durable=False)
    with ThreadPoolExecutor(2) as callers:
        of_durable, of_plain = (
            callers.submit(aws.invoke, FunctionName=f"{name}:$LATEST") for name in (deployed, plain)
        )
        eventually(lambda: service.written(deployed)[0] + service.written(plain)[0] == 2)
        pool.leave()
        service.execute(
            "UPDATE worker SET seen_at = seen_at - interval '2 days' WHERE id = %s", pool.id
        )
        told, refused = of_durable.result(60), of_plain.exception(60)
    assert told["FunctionError"] == "Unhandled"
    assert json.loads(told["Payload"].read())["errorType"] == "ResourceConflictException"
    assert isinstance(refused, aws.exceptions.ResourceConflictException)
    again = PoolWorker(pool.http, pool.runtime)
    again.register()
    delivered = again.take()
    assert delivered.arn == told["DurableExecutionArn"], "it was kept"
    again.succeed(delivered)
    assert again.poll(wait_seconds=0) == [], "the other will not run"


def _is_refused(aws: Any, function: str) -> bool:
    try:
        aws.invoke(FunctionName=f"{function}:$LATEST", InvocationType="DryRun")
    except aws.exceptions.ResourceConflictException:
        return True
    return False


def test_workers_are_listed_with_what_they_serve(
    aws: Any, http: httpx.Client, pool: PoolWorker, deployed: str
) -> None:
    live = RawWorker(http, f"{deployed}-live")
    live.register()
    start(aws, deployed)
    delivered = pool.take()
    listed = {one["id"]: one for one in http.get("/v1/workers").json()["workers"]}
    shown = listed[pool.id]
    assert shown.pop("registered_at") <= shown.pop("seen_at")
    assert shown == {
        "id": pool.id,
        "host": "here",
        "pid": 43,
        "functions": [],
        "pools": [{"runtime": pool.runtime, "interpreter": f"{pool.runtime} of the tests"}],
        "pool_concurrency": 10,
        "running": 1,
    }
    assert listed[live.id]["functions"] == [live.function]
    pool.succeed(delivered)
    pool.leave()
    assert pool.id not in {one["id"] for one in http.get("/v1/workers").json()["workers"]}


def test_functions_take_turns_at_the_slots_of_a_pool(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    """However many invocations of one wait, the others' come next."""
    names = [deployed, f"{deployed}-b", f"{deployed}-c"]
    for name in names[1:]:
        deploy(service.database_url, name, runtime=pool.runtime)
    pool.poll(total=0, wait_seconds=0)
    for _ in range(20):
        start(aws, names[0])
    for name in names[1:] * 2:
        start(aws, name)
    order = []
    for _ in range(6):
        delivered = pool.take()
        order.append(delivered.header["FunctionName"])
        pool.succeed(delivered)
    assert sorted(order[:3]) == sorted(order[3:]) == sorted(names)


def test_a_function_with_many_versions_gets_no_more_turns_than_another(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    """Its versions take turns, too: at those of their function."""
    other, versions = f"{deployed}-other", ["1", "2", "3"]
    deploy(service.database_url, other, runtime=pool.runtime)
    for version in versions:
        deploy(service.database_url, deployed, runtime=pool.runtime, version=version)
    pool.poll(total=0, wait_seconds=0)
    for _ in range(2):
        for version in versions:
            start(aws, deployed, version)
    for _ in range(3):
        start(aws, other)
    functions, served = [], []
    for _ in range(6):
        delivered = pool.take()
        functions.append(delivered.header["FunctionName"])
        served.append(delivered.header["Version"])
        pool.succeed(delivered)
    assert functions in ([deployed, other] * 3, [other, deployed] * 3)
    assert sorted(set(served)) == sorted([*versions, "$LATEST"])


def test_turns_outlast_the_looks_that_see_the_same_crowd_each_second(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    """Slots are free more seldom than that."""
    other = f"{deployed}-other"
    deploy(service.database_url, other, runtime=pool.runtime)
    pool.poll(total=0, wait_seconds=0)
    for name in [deployed] * 6 + [other] * 2:
        start(aws, name)
    order = []
    for _ in range(4):
        delivered = pool.take()
        assert pool.poll(total=0, wait_seconds=1.5) == []
        pool.heartbeat(delivered.id)
        order.append(delivered.header["FunctionName"])
        pool.succeed(delivered)
    assert order == [deployed, other] * 2


def test_what_is_started_last_does_not_take_the_slot_that_another_function_waits_for(
    aws: Any, service: RunningService, pool: PoolWorker, deployed: str
) -> None:
    other = f"{deployed}-other"
    deploy(service.database_url, other, runtime=pool.runtime)
    first = start(aws, deployed)
    running = pool.take()
    pool.poll(total=0, wait_seconds=0)
    waiting = [start(aws, other), start(aws, deployed)]
    pool.succeed(running)
    served = [pool.take() for _ in range(2)]
    assert running.arn == first
    assert {one.arn for one in served} == set(waiting)
    assert served[0].arn == waiting[0]
    for one in served:
        pool.succeed(one)


def test_versions_that_wait_for_other_workers_hold_up_nobody(
    aws: Any, http: httpx.Client, service: RunningService, pool: PoolWorker, function: str
) -> None:
    """$LATEST is served from a folder, by nobody now; a version was deployed."""
    live = RawWorker(http, function)
    live.register(Runtime=pool.runtime)
    http.delete(f"/v1/workers/{live.id}")
    start(aws, function)
    deploy(service.database_url, function, runtime=pool.runtime, version="1")
    arn = start(aws, function, "1")
    delivered = pool.take()
    assert delivered.arn == arn
    pool.succeed(delivered)


def test_a_runtime_that_is_named_twice_is_refused(http: httpx.Client, pool: PoolWorker) -> None:
    body = {
        "WorkerId": str(uuid.uuid4()),
        "Host": "here",
        "Pid": 1,
        "Functions": [],
        "Held": [],
        "Pools": [{"Runtime": "python3.13", "Interpreter": version} for version in ("a", "b")],
    }
    answer = http.post("/v1/workers", json=body)
    assert answer.status_code == 400
    assert "Runtime twice" in answer.json()["message"]
