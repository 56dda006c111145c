"""Rates and quotas, set by the flags that an operator has."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.by_hand import ByHand
from tests.contract.calls import call, calls
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService, running_service
from tests.support.caller import lambda_client
from tests.support.postgres import DatabaseServer
from tests.support.traffic import Traffic

ONE_IN_100_SECONDS = ",".join(f"{operation}=0.01" for operation in calls())
CHECKPOINTS_A_SECOND = 2
MAX_OPERATIONS = 70
NARROW = [
    *("--rates", f"CheckpointDurableExecution={CHECKPOINTS_A_SECOND}"),
    *("--max-operations", str(MAX_OPERATIONS)),
    *("--max-stored-mb", "1"),
    *("--max-failures", "2"),
    *("--retry-delay", "0.01"),
]


@pytest.fixture(scope="module")
def narrow(
    database_server: DatabaseServer,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningService]:
    folder = tmp_path_factory.mktemp("narrow")
    with (
        database_server.clone(template_database) as url,
        running_service(folder, url, NARROW) as service,
    ):
        yield service


@pytest.fixture
def run(narrow: RunningService, function: str) -> Iterator[ByHand]:
    with httpx.Client(base_url=narrow.url, timeout=30) as http:
        worker = RawWorker(http, function)
        worker.register()
        yield ByHand.start(lambda_client(narrow.url, attempts=10), worker)


def test_over_its_rate_every_operation_is_refused_with_the_time_to_wait(
    database_url: str, tmp_path: Path, function: str, traffic: Traffic
) -> None:
    with (
        running_service(tmp_path, database_url, ["--rates", ONE_IN_100_SECONDS]) as service,
        httpx.Client(base_url=service.url, timeout=30) as http,
    ):
        aws = lambda_client(service.url, traffic=traffic)
        worker = RawWorker(http, function)
        worker.register()
        _use_up_and_more(aws, ByHand.start(aws, worker))


def _use_up_and_more(aws: Any, run: ByHand) -> None:
    shown = run.checkpoint({"Id": "c", "Type": "CALLBACK", "Action": "START"})["c"]
    every = calls(
        function=run.worker.function,
        qualifier="$LATEST",
        arn=run.arn,
        token=run.token,
        callback_id=shown["CallbackDetails"]["CallbackId"],
    )
    for operation, parameters in every.items():
        if operation not in ("Invoke", "CheckpointDurableExecution"):
            refusals = aws.exceptions
            with contextlib.suppress(
                refusals.CallbackTimeoutException, refusals.ResourceConflictException
            ):
                call(aws, operation, parameters)  # accepted or not, it counts
        with pytest.raises(aws.exceptions.TooManyRequestsException) as caught:
            call(aws, operation, parameters)
        answer = caught.value.response
        assert answer["Reason"] == "CallerRateLimitExceeded"
        assert answer["Type"] == "User"
        assert f"0.01 {operation} calls a second" in answer["Error"]["Message"]
        assert 1 <= int(answer["retryAfterSeconds"]) <= 100
    assert run.worker.heartbeat(run.delivered.id).status_code == 200


def test_boto3_repeats_a_throttled_checkpoint_and_nothing_is_lost(run: ByHand) -> None:
    repeats: list[int] = []
    run.aws.meta.events.register(
        "after-call.lambda.CheckpointDurableExecution",
        lambda parsed, **_: repeats.append(parsed["ResponseMetadata"]["RetryAttempts"]),
    )
    steps: list[str] = []
    while not any(repeats):
        assert len(steps) < 30, "none was refused"
        id_ = f"s{len(steps)}"
        shown = run.checkpoint({"Id": id_, "Type": "STEP", "Action": "SUCCEED", "Payload": id_})
        assert shown[id_]["StepDetails"]["Result"] == id_
        steps.append(id_)
    assert [event["Id"] for event in run.history()[1:]] == steps


def test_the_operation_over_the_quota_ends_the_execution_and_withholds_the_token(
    run: ByHand,
) -> None:
    steps = [{"Id": f"s{n}", "Type": "STEP", "Action": "SUCCEED"} for n in range(MAX_OPERATIONS)]
    run.checkpoint(*steps[:-1])
    assert run.get()["Status"] == "RUNNING"
    answer = run.aws.checkpoint_durable_execution(
        DurableExecutionArn=run.arn, CheckpointToken=run.token, Updates=steps[-1:]
    )
    assert "CheckpointToken" not in answer
    shown = run.get()
    assert shown["Status"] == "FAILED"
    assert shown["Error"]["ErrorType"] == "DurableExecutionQuotaExceeded"
    assert f"{MAX_OPERATIONS} durable operations" in shown["Error"]["ErrorMessage"]


def test_a_megabyte_over_the_quota_ends_the_execution(run: ByHand) -> None:
    step = {"Type": "STEP", "Action": "SUCCEED", "Payload": "x" * 600_000}
    run.checkpoint({"Id": "a", **step})
    assert run.get()["Status"] == "RUNNING"
    run.checkpoint({"Id": "b", **step})
    assert "1000000 bytes" in run.get()["Error"]["ErrorMessage"]


def test_the_last_failure_of_the_budget_ends_the_execution(run: ByHand) -> None:
    error = b'{"errorType": "Oops", "errorMessage": "no"}'
    run.worker.finish(run.delivered, error, "error")
    assert run.get()["Status"] == "RUNNING"
    run.worker.finish(run.worker.take(), error, "error")
    shown = run.get()
    assert (shown["Status"], shown["Error"]["ErrorType"]) == ("FAILED", "Oops")
