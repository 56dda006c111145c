"""An answer is lost on the wire, and boto3 repeats its checkpoint with the same ClientToken."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.contract.running_service import RunningService, running_service
from tests.support.answer_relay import AnswerRelay
from tests.support.caller import lambda_client
from tests.support.relay import PostgresRelay, Side
from tests.support.service import running_service as service_process

STEP = {"Type": "STEP", "Action": "SUCCEED"}
CALLBACK = {"Id": "c", "Type": "CALLBACK", "Action": "START"}
CLOSING = {"Id": "x", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": '"paid"'}
ERROR = {"ErrorType": "Busy", "ErrorMessage": "later", "StackTrace": ["here"]}

MIXED: list[dict[str, Any]] = [
    {"Id": "all", "Type": "CONTEXT", "Action": "START", "Name": "all"},
    {"Id": "s", "ParentId": "all", "Payload": '"é\0"', **STEP},
    {
        "Id": "r",
        "Type": "STEP",
        "Action": "RETRY",
        "Error": ERROR,
        "StepOptions": {"NextAttemptDelaySeconds": 1},
    },
    {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}},
    CALLBACK,
    {
        "Id": "i",
        "Type": "CHAINED_INVOKE",
        "Action": "START",
        "ChainedInvokeOptions": {"FunctionName": "nowhere:1"},
    },
    {
        "Id": "all",
        "Type": "CONTEXT",
        "Action": "SUCCEED",
        "Payload": "",
        "ContextOptions": {"ReplayChildren": True},
    },
]


@pytest.fixture
def relay(service: RunningService) -> Iterator[AnswerRelay]:
    relay = AnswerRelay(service.port)
    with relay.running():
        yield relay


@pytest.fixture
def run(aws: Any, worker: RawWorker, relay: AnswerRelay) -> ByHand:
    """An invocation whose checkpoints go through the relay, and are repeated by boto3."""
    return dataclasses.replace(
        ByHand.start(aws, worker), aws=lambda_client(relay.url, attempts=3, read_timeout_seconds=30)
    )


def lost_and_repeated(
    run: ByHand, relay: AnswerRelay, updates: list[Any], then: Callable[[], object]
) -> bytes:
    """What both answers said, byte for byte."""
    before = len(run.history())
    relay.bodies.clear()
    relay.lose_the_next(then)
    shown = run.checkpoint(*updates)
    lost, repeated = relay.bodies
    assert repeated == lost
    assert shown.keys() >= {update["Id"] for update in updates if update is not CLOSING}
    own = [event for event in run.history()[before:] if event.get("Id") in shown]
    assert len(own) == len({event["EventId"] for event in own})
    return lost


@pytest.mark.parametrize(
    "updates", [[], [{"Id": "s", **STEP}], MIXED], ids=["none", "one", "of every kind"]
)
def test_the_repeat_is_answered_with_the_same_bytes_and_nothing_is_done_twice(
    run: ByHand, relay: AnswerRelay, updates: list[Any]
) -> None:
    lost_and_repeated(run, relay, updates, lambda: None)
    counts = [event["EventId"] for event in run.history() if event["EventType"] == "WaitStarted"]
    assert len(counts) == (1 if updates is MIXED else 0)
    run.checkpoint({"Id": "next", **STEP})


def test_what_completed_in_between_is_shown_by_the_next_answer_only(
    aws: Any, run: ByHand, relay: AnswerRelay
) -> None:
    def complete() -> None:
        answer = json.loads(relay.bodies[-1])
        (shown,) = answer["NewExecutionState"]["Operations"]
        aws.send_durable_execution_callback_success(
            CallbackId=shown["CallbackDetails"]["CallbackId"], Result=b"1"
        )

    body = lost_and_repeated(run, relay, [CALLBACK], complete)
    assert b"SUCCEEDED" not in body
    assert run.checkpoint()["c"]["Status"] == "SUCCEEDED"


def test_an_execution_that_was_stopped_in_between_still_answers(
    aws: Any, run: ByHand, relay: AnswerRelay
) -> None:
    lost_and_repeated(
        run, relay, MIXED, lambda: aws.stop_durable_execution(DurableExecutionArn=run.arn)
    )
    with pytest.raises(
        aws.exceptions.InvalidParameterValueException, match="Invalid checkpoint token"
    ):
        run.checkpoint()


def test_the_checkpoint_that_closes_an_execution_is_answered_again_without_a_token(
    run: ByHand, relay: AnswerRelay
) -> None:
    body = lost_and_repeated(run, relay, [{"Id": "s", **STEP}, CLOSING], lambda: None)
    assert b"CheckpointToken" not in body
    assert run.get()["Result"] == '"paid"'
    closings = [event for event in run.history() if event["EventType"] == "ExecutionSucceeded"]
    assert len(closings) == 1


def test_a_service_that_was_killed_in_between_gives_the_same_bytes(
    database_url: str, tmp_path: Path, function: str
) -> None:
    with (
        service_process(tmp_path, database_url=database_url) as service,
        httpx.Client(base_url=service.url, timeout=30) as http,
    ):

        def restart() -> None:
            service.kill()
            service.start()

        worker = RawWorker(http, function)
        worker.register()
        relay = AnswerRelay(service.port)
        with relay.running():
            run = ByHand.start(lambda_client(service.url), worker)
            run.aws = lambda_client(relay.url, attempts=3, read_timeout_seconds=60)
            lost_and_repeated(run, relay, MIXED, restart)


def test_an_answer_of_several_pages_has_the_same_marker(run: ByHand, relay: AnswerRelay) -> None:
    steps = [{"Id": f"s{n}", "Payload": "x" * 1_000_000, **STEP} for n in range(6)]
    relay.lose_the_next()
    answer = run.aws.checkpoint_durable_execution(
        DurableExecutionArn=run.arn, CheckpointToken=run.token, Updates=steps
    )
    lost, repeated = relay.bodies
    assert repeated == lost
    rest = run.aws.get_durable_execution_state(
        DurableExecutionArn=run.arn,
        CheckpointToken=answer["CheckpointToken"],
        Marker=answer["NewExecutionState"]["NextMarker"],
    )
    shown = answer["NewExecutionState"]["Operations"] + rest["Operations"]
    assert [operation["Id"] for operation in shown] == [step["Id"] for step in steps]


def test_without_a_client_token_a_repeat_is_refused(
    http: httpx.Client, aws: Any, worker: RawWorker
) -> None:
    """boto3 always sends one; somebody with curl may not."""
    run = ByHand.start(aws, worker)
    path, body = (
        f"/2025-12-01/durable-executions/{run.arn}/checkpoint",
        {"CheckpointToken": run.token},
    )
    first, again = (http.post(path, json=body) for _ in range(2))
    assert (first.status_code, again.status_code) == (200, 400)
    assert again.json()["message"] == "Invalid checkpoint token"


@pytest.mark.parametrize("side", Side)
def test_a_commit_whose_outcome_the_service_does_not_know_is_found_by_the_repeat(
    database_url: str, tmp_path: Path, function: str, side: Side
) -> None:
    """The service loses Postgres just before or just after the commit and answers 503; boto3's
    repeat commits it, or finds it committed."""
    relay = PostgresRelay(database_url)
    with (
        relay.running(),
        running_service(tmp_path, relay.url) as service,
        httpx.Client(base_url=service.url, timeout=30) as http,
        ThreadPoolExecutor() as threads,
    ):
        worker = RawWorker(http, function)
        worker.register()
        run = ByHand.start(lambda_client(service.url, attempts=8), worker)
        relay.freeze(1, side)
        checkpoint = threads.submit(lambda: run.checkpoint(*MIXED, ClientToken="once"))
        assert relay.frozen.wait(30)
        relay.reset()
        shown = checkpoint.result(60)
        assert shown["c"]["CallbackDetails"]["CallbackId"]
        used = run.delivered.token
        body = {"CheckpointToken": used, "ClientToken": "once", "Updates": MIXED}
        path = f"/2025-12-01/durable-executions/{run.arn}/checkpoint"
        again = http.post(path, json=body).json()
        assert again["CheckpointToken"] == run.token
        assert {one["Id"] for one in again["NewExecutionState"]["Operations"]} == set(shown)
        types = [event["EventType"] for event in run.history() if event.get("Id") == "s"]
        assert types == ["StepSucceeded"]
