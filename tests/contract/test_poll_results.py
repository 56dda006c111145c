"""A poll that reports results: an answer means that they are committed."""

from __future__ import annotations

import dataclasses
import json
import struct
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.support.waiting import eventually

DONE = b'{"Status": "SUCCEEDED", "Result": "\\"done\\""}'
PENDING = b'{"Status": "PENDING"}'


def status(aws: Any, run: ByHand) -> str:
    return str(aws.get_durable_execution(DurableExecutionArn=run.arn)["Status"])


def test_the_answer_to_results_comes_after_their_commit(aws: Any, worker: RawWorker) -> None:
    runs = [ByHand.start(aws, worker) for _ in range(3)]
    results = [(run.delivered, DONE) for run in runs]
    assert worker.poll_with_results(*results, wait_seconds=0) == []
    assert [status(aws, run) for run in runs] == ["SUCCEEDED"] * 3


def test_results_that_are_reported_again_change_nothing(aws: Any, worker: RawWorker) -> None:
    run = ByHand.start(aws, worker)
    for _ in range(2):
        worker.poll_with_results((run.delivered, DONE), wait_seconds=0)
    types = [event["EventType"] for event in run.history()]
    assert types == ["ExecutionStarted", "InvocationCompleted", "ExecutionSucceeded"]


def test_the_slot_of_a_result_is_free_at_once(aws: Any, worker: RawWorker) -> None:
    first = ByHand.start(aws, worker)
    second = ByHand.unattended(aws, worker)
    (delivered,) = worker.poll_with_results((first.delivered, DONE), slots=1)
    assert delivered.arn == second.arn
    assert status(aws, first) == "SUCCEEDED"


def test_a_held_poll_records_its_results_before_it_is_answered(aws: Any, worker: RawWorker) -> None:
    run = ByHand.start(aws, worker)
    with ThreadPoolExecutor() as threads:
        held = threads.submit(
            worker.poll_with_results, (run.delivered, DONE), slots=1, wait_seconds=30
        )
        eventually(lambda: status(aws, run) == "SUCCEEDED")
        assert not held.done()
        other = ByHand.unattended(aws, worker)
        (delivered,) = held.result()
    assert delivered.arn == other.arn


def test_an_error_ends_an_invocation_as_its_own_report_would(aws: Any, worker: RawWorker) -> None:
    run = ByHand.start(aws, worker)
    body = json.dumps({"errorType": "ValueError", "errorMessage": "no"}).encode()
    answer = worker.send_poll((run.delivered, body), outcome="error")
    assert answer.status_code == 200
    (completed,) = [e for e in run.history() if e["EventType"] == "InvocationCompleted"]
    payload = completed["InvocationCompletedDetails"]["Error"]["Payload"]
    assert (payload["ErrorType"], payload["ErrorMessage"]) == ("ValueError", "no")


def poll(http: httpx.Client, worker: RawWorker, body: bytes) -> httpx.Response:
    return http.post(
        f"/v1/workers/{worker.id}/poll",
        content=body,
        headers={"Content-Type": "application/vnd.perdure.poll"},
    )


@pytest.mark.parametrize(
    "body",
    [b"", b"\0\0\0", struct.pack(">I", 9) + b"{}", struct.pack(">I", 2**31) + b"{}"],
    ids=["nothing", "half a length", "half a frame", "a length beyond all bounds"],
)
def test_frames_that_are_cut_short_are_refused(
    http: httpx.Client, worker: RawWorker, body: bytes
) -> None:
    answer = poll(http, worker, body)
    assert answer.status_code == 400
    assert "cut short" in answer.text


def test_results_and_bodies_must_match_and_nothing_is_recorded(
    aws: Any, http: httpx.Client, worker: RawWorker
) -> None:
    run = ByHand.start(aws, worker)
    header = {
        "Free": {},
        "Results": [{"InvocationId": run.delivered.id, "Outcome": "returned"}],
        "WaitSeconds": 0,
    }
    frame = json.dumps(header).encode()
    answer = poll(http, worker, struct.pack(">I", len(frame)) + frame)
    assert answer.status_code == 400
    assert "1 Results and 0 bodies" in answer.text
    assert "Perdure-Outcome" in worker.send_poll((run.delivered, DONE), outcome="well").text
    assert status(aws, run) == "RUNNING"
    worker.succeed(run.delivered)


def test_the_invocations_of_a_worker_that_died_end_when_its_successor_comes(
    aws: Any, worker: RawWorker
) -> None:
    runs = [ByHand.start(aws, worker) for _ in range(3)]
    successor = dataclasses.replace(worker, id="0197e0c3-2c40-4000-8000-00000000dead")
    assert successor.register(replaces=[worker.id]).status_code == 200
    again: list[str] = []
    while len(again) < 3:
        taken = successor.poll(slots=3)
        successor.heartbeat(*(delivered.id for delivered in taken))
        again += [delivered.arn for delivered in taken]
    assert sorted(again) == sorted(run.arn for run in runs)
    for run in runs:
        (completed,) = [e for e in run.history() if e["EventType"] == "InvocationCompleted"]
        payload = completed["InvocationCompletedDetails"]["Error"]["Payload"]
        assert payload["ErrorType"] == "Runtime.ExitError"
        assert payload["ErrorMessage"].endswith("its worker was killed")
    assert worker.heartbeat().status_code == 404, "it is not known any more"


def test_a_worker_that_was_replaced_too_early_can_write_nothing(
    aws: Any, worker: RawWorker
) -> None:
    run = ByHand.start(aws, worker)
    successor = dataclasses.replace(worker, id="0197e0c3-2c40-4000-8000-00000000beef")
    successor.register(replaces=[worker.id])
    again = successor.take()
    worker.finish(run.delivered, DONE)
    assert status(aws, run) == "RUNNING"
    successor.succeed(again)
    assert status(aws, run) == "SUCCEEDED"
