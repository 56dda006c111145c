"""perdure.aws.fast_client: to AWS's SDK it is boto3, in answers, exceptions and repeats."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from aws_durable_execution_sdk_python.exceptions import CheckpointError
from aws_durable_execution_sdk_python.lambda_service import LambdaClient
from botocore.exceptions import ClientError

from perdure.aws import fast_client
from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService
from tests.support.answer_relay import AnswerRelay
from tests.support.postgres import DatabaseServer
from tests.support.service import running_service as service_process

ALL_KINDS: list[dict[str, Any]] = [
    {"Id": "all", "Type": "CONTEXT", "Action": "START", "Name": "all"},
    {"Id": "s", "ParentId": "all", "Type": "STEP", "Action": "SUCCEED", "Payload": '"é\0"'},
    {
        "Id": "r",
        "Type": "STEP",
        "Action": "RETRY",
        "Error": {"ErrorType": "Busy", "ErrorMessage": "later", "StackTrace": ["here"]},
        "StepOptions": {"NextAttemptDelaySeconds": 60},
    },
    {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 60}},
    {"Id": "c", "Type": "CALLBACK", "Action": "START"},
]


@pytest.fixture
def fast(service: RunningService) -> Iterator[Any]:
    client = fast_client(service.url)
    yield client
    client.close()


@pytest.fixture
def run(aws: Any, worker: RawWorker) -> ByHand:
    return ByHand.start(aws, worker)


def without_metadata(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in answer.items() if name != "ResponseMetadata"}


def test_a_checkpoint_is_answered_as_boto3_answers_it(aws: Any, fast: Any, run: ByHand) -> None:
    request = {
        "DurableExecutionArn": run.arn,
        "CheckpointToken": run.token,
        "ClientToken": "the-same-one",
        "Updates": ALL_KINDS,
    }
    answer = fast.checkpoint_durable_execution(**request)
    repeated = aws.checkpoint_durable_execution(**request)
    assert without_metadata(answer) == without_metadata(repeated)
    assert len(answer["NewExecutionState"]["Operations"]) == len(ALL_KINDS)


def test_the_pages_of_the_state_are_as_boto3_reads_them(aws: Any, fast: Any, run: ByHand) -> None:
    run.checkpoint(*ALL_KINDS)
    marker = ""
    while True:
        request = {
            "DurableExecutionArn": run.arn,
            "CheckpointToken": run.token,
            "Marker": marker,
            "MaxItems": 2,
        }
        page = fast.get_durable_execution_state(**request)
        same = aws.get_durable_execution_state(**request)
        assert page["Operations"] == same["Operations"]
        assert page.keys() == same.keys()
        if not (marker := page.get("NextMarker", "")):
            break


@pytest.mark.parametrize(
    "wrong",
    [
        {"CheckpointToken": "c3RhbGU="},
        {"Updates": [{"Id": "x", "Type": "STEP", "Action": "CANCEL"}]},
        {"DurableExecutionArn": "arn:aws:lambda:us-east-1:1:function:f:1/durable-execution/a/b"},
    ],
    ids=["a token that is none", "an illegal update", "no ARN of ours"],
)
def test_a_refusal_raises_what_boto3_raises(
    aws: Any, fast: Any, run: ByHand, wrong: dict[str, Any]
) -> None:
    request = {"DurableExecutionArn": run.arn, "CheckpointToken": run.token, "Updates": []} | wrong
    with pytest.raises(ClientError) as boto3s:
        aws.checkpoint_durable_execution(**request)
    with pytest.raises(ClientError) as ours:
        fast.checkpoint_durable_execution(**request)
    assert ours.value.operation_name == boto3s.value.operation_name
    assert ours.value.response["Error"] == boto3s.value.response["Error"]
    theirs = boto3s.value.response["ResponseMetadata"]["HTTPStatusCode"]
    assert ours.value.response["ResponseMetadata"]["HTTPStatusCode"] == theirs


def test_a_stale_token_is_refused_in_the_words_that_the_sdk_looks_for(
    fast: Any, run: ByHand
) -> None:
    stale = run.token
    run.checkpoint()
    with pytest.raises(CheckpointError) as refused:
        LambdaClient(fast).checkpoint(run.arn, stale, [], None)
    assert refused.value.is_retryable()


def test_a_lost_answer_is_asked_for_again_and_nothing_is_done_twice(
    service: RunningService, run: ByHand
) -> None:
    relay = AnswerRelay(service.port)
    with relay.running():
        client = fast_client(relay.url)
        try:
            relay.lose_the_next()
            shown = dataclasses.replace(run, aws=client).checkpoint(*ALL_KINDS)
        finally:
            client.close()
    lost, repeated = relay.bodies
    assert repeated == lost
    assert shown.keys() == {update["Id"] for update in ALL_KINDS}
    started = [event for event in run.history() if event["EventType"] == "WaitStarted"]
    assert len(started) == 1


def test_threads_share_one_client(aws: Any, fast: Any, worker: RawWorker) -> None:
    runs = [dataclasses.replace(ByHand.start(aws, worker), aws=fast) for _ in range(4)]

    def steps(run: ByHand) -> None:
        for number in range(20):
            run.checkpoint({"Id": f"s{number}", "Type": "STEP", "Action": "SUCCEED"})

    with ThreadPoolExecutor(len(runs)) as threads:
        list(threads.map(steps, runs))
    for run in runs:
        assert len([e for e in aws_history(aws, run) if e["EventType"] == "StepSucceeded"]) == 20


def aws_history(aws: Any, run: ByHand) -> list[dict[str, Any]]:
    return dataclasses.replace(run, aws=aws).history()


def test_a_call_waits_for_a_service_that_restarts(
    database_server: DatabaseServer, template_database: str, tmp_path: Path
) -> None:
    with (
        database_server.clone(template_database) as url,
        service_process(tmp_path, database_url=url) as service,
        ThreadPoolExecutor(1) as other,
    ):
        client = fast_client(service.url)
        try:
            service.stop()
            call = other.submit(
                client.checkpoint_durable_execution,
                DurableExecutionArn=(
                    "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST"
                    "/durable-execution/n/00000000-0000-7000-8000-000000000000"
                ),
                CheckpointToken="bm9uZQ==",
                Updates=[],
            )
            service.start()
            with pytest.raises(ClientError) as refused:
                call.result(60)
        finally:
            client.close()
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
