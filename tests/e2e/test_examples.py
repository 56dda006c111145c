"""Each example does what its README says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.caller import Caller, names_of, story_of
from tests.support.service import ServiceProcess
from tests.support.worker import running_worker

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("approval", "saga", "fan_out", "polling", "agent")


@pytest.fixture(scope="module")
def caller(service: ServiceProcess, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Caller]:
    specs = [str(EXAMPLES / name / "lambda_function.py") for name in NAMES]
    with running_worker(tmp_path_factory.mktemp("examples"), service.url, specs):
        yield Caller(service.url)


def event_of(example: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads((EXAMPLES / example / "event.json").read_bytes())
    return event


class TestApproval:
    def test_an_approved_claim_is_paid(self, caller: Caller) -> None:
        arn = caller.start("approval:$LATEST", event_of("approval"))
        caller.client.send_durable_execution_callback_success(
            CallbackId=_callback_id(caller, arn), Result=b'{"by":"ada"}'
        )
        assert json.loads(caller.until_closed(arn)["Result"]) == {
            "claim": "claim-7",
            "status": "paid",
            "approvedBy": "ada",
            "payment": "payment-of-claim-7",
        }

    def test_a_refused_one_is_not(self, caller: Caller) -> None:
        arn = caller.start("approval:$LATEST", event_of("approval"))
        caller.client.send_durable_execution_callback_failure(
            CallbackId=_callback_id(caller, arn), Error={"ErrorMessage": "no receipt"}
        )
        result = json.loads(caller.until_closed(arn)["Result"])
        assert result["status"] == "rejected"
        assert "no receipt" in result["reason"]
        assert "StepStarted pay_out" not in story_of(caller.history(arn))

    def test_one_that_nobody_decides_expires(self, caller: Caller) -> None:
        arn = caller.start("approval:$LATEST", event_of("approval") | {"decideWithinSeconds": 1})
        assert json.loads(caller.until_closed(arn)["Result"])["status"] == "expired"


def _callback_id(caller: Caller, arn: str) -> str:
    started = caller.until_event(arn, "CallbackStarted")
    id_: str = started["CallbackStartedDetails"]["CallbackId"]
    return id_


class TestSaga:
    def test_what_was_booked_is_cancelled_newest_first(self, caller: Caller) -> None:
        answer = caller.call("saga:$LATEST", event_of("saga"))
        assert answer.json["status"] == "cancelled"
        assert "no car left" in answer.json["why"]
        assert answer.json["cancelled"] == ["hotel-of-trip-3", "flight-of-trip-3"]
        assert answer.arn is not None
        assert names_of(caller.history(answer.arn), "StepSucceeded") == [
            "book flight",
            "book hotel",
            "cancel hotel",
            "cancel flight",
        ]

    def test_when_all_goes_well_nothing_is(self, caller: Caller) -> None:
        assert caller.call("saga:$LATEST", {"trip": "trip-4"}).json == {
            "trip": "trip-4",
            "status": "booked",
            "booked": ["flight-of-trip-4", "hotel-of-trip-4", "car-of-trip-4"],
        }


class TestFanOut:
    def test_each_picture_has_its_branch_and_a_failure_is_told(self, caller: Caller) -> None:
        answer = caller.call("fan_out:$LATEST", event_of("fan_out"))
        assert answer.json["thumbnails"] == ["a.small.png", "b.small.png", "c.small.png"]
        assert [text for text in answer.json["failures"] if "notes.txt is no PNG" in text]
        assert answer.json["reason"] == "ALL_COMPLETED"

    def test_too_many_failures_give_up_the_rest(self, caller: Caller) -> None:
        answer = caller.call("fan_out:$LATEST", {"pictures": ["a.txt", "b.txt", "c.png"]})
        assert answer.json["reason"] == "FAILURE_TOLERANCE_EXCEEDED"


class TestPolling:
    def test_it_looks_until_the_job_is_done(self, caller: Caller) -> None:
        event = event_of("polling") | {"firstPauseSeconds": 1}
        answer = caller.call("polling:$LATEST", event)
        assert answer.json == {"job": "job-of-october", "looks": 3, "status": "DONE"}
        assert answer.arn is not None
        started = names_of(caller.history(answer.arn), "StepStarted")
        assert started == ["start_job", *["until the job is done"] * 3]


class TestAgent:
    def test_it_thinks_and_acts_until_it_has_an_answer(self, caller: Caller) -> None:
        answer = caller.call("agent:$LATEST", event_of("agent"))
        assert answer.json == {
            "answer": "ada@example.com knows about the rain in Paris",
            "turns": 3,
        }
        assert answer.arn is not None
        assert names_of(caller.history(answer.arn), "StepSucceeded") == [
            "think 1",
            "weather 1",
            "think 2",
            "send_mail 2",
            "think 3",
        ]
