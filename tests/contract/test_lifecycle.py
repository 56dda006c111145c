"""Pause, resume and delete, by boto3."""

from __future__ import annotations

import re
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from botocore.exceptions import ClientError
from psycopg import sql

from tests.contract.raw_worker import DURABLE, Delivered, RawWorker
from tests.contract.running_service import RunningService
from tests.support.waiting import eventually

YEAR = timedelta(days=366)
NOBODY = (
    "arn:aws:lambda:us-east-1:000000000000:function:nobody:$LATEST"
    "/durable-execution/n/0197e0c3-2c40-7000-8000-00000000000f"
)
WAIT = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 3_000}}
STEP = {"Id": "pay", "Type": "STEP", "Name": "pay", "SubType": "Step"}


def start(aws: Any, function: str, payload: bytes = b'{"amount": 5}', **named: Any) -> str:
    """The ARN of an execution that was started, or found by its name."""
    answer = aws.invoke(
        FunctionName=f"{function}:$LATEST", InvocationType="Event", Payload=payload, **named
    )
    assert answer["Payload"].read() == b""
    return str(answer["DurableExecutionArn"])


@pytest.fixture
def taken(aws: Any, worker: RawWorker) -> Delivered:
    """The first invocation of a new execution, which is named."""
    start(aws, worker.function, DurableExecutionName="order-1")
    return worker.take()


@pytest.fixture
def waiting(aws: Any, worker: RawWorker, taken: Delivered) -> str:
    """The ARN of an execution that waits for 3,000 seconds."""
    checkpoint(aws, taken, WAIT)
    worker.suspend(taken)
    return taken.arn


@pytest.fixture
def closed(worker: RawWorker, taken: Delivered) -> str:
    worker.succeed(taken, '"paid"')
    return taken.arn


def checkpoint(aws: Any, delivered: Delivered, *updates: dict[str, Any], **more: Any) -> Any:
    return aws.checkpoint_durable_execution(
        DurableExecutionArn=delivered.arn, CheckpointToken=delivered.token, Updates=updates, **more
    )


def get(aws: Any, arn: str, **options: Any) -> dict[str, Any]:
    found: dict[str, Any] = aws.get_durable_execution(DurableExecutionArn=arn, **options)
    return found


def status_of(aws: Any, arn: str) -> str:
    return str(get(aws, arn)["Status"])


def history(aws: Any, arn: str, **options: Any) -> list[dict[str, Any]]:
    events: list[dict[str, Any]] = aws.get_durable_execution_history(
        DurableExecutionArn=arn, **options
    )["Events"]
    return events


def listed(aws: Any, worker: RawWorker, *statuses: str) -> list[str]:
    answer = aws.list_durable_executions_by_function(
        FunctionName=worker.function, Statuses=list(statuses)
    )
    return [one["DurableExecutionArn"] for one in answer["DurableExecutions"]]


def code_of(refused: pytest.ExceptionInfo[ClientError]) -> tuple[str, int]:
    response = refused.value.response
    return response["Error"]["Code"], response["ResponseMetadata"]["HTTPStatusCode"]


def is_gone(aws: Any, arn: str) -> bool:
    try:
        get(aws, arn)
    except aws.exceptions.ResourceNotFoundException:
        return True
    return False


@contextmanager
def undelivered_notice(service: RunningService, child_arn: str) -> Iterator[None]:
    """A notice of this child to its parent that nobody gets to deliver meanwhile."""
    id_ = child_arn.rpartition("/")[2]
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO notice (part, parent_id, operation_id, child_id, created_at)"
            " SELECT part, parent_id, parent_operation_id, id, now() + interval '1 day'"
            " FROM execution WHERE id = %s",
            [id_],
        )
        try:
            yield
        finally:
            connection.execute("DELETE FROM notice WHERE child_id = %s", [id_])


def ended_a_week_ago(service: RunningService, arn: str) -> None:
    """The retention of `RawWorker`'s functions is over for it."""
    id_ = arn.rpartition("/")[2]
    with psycopg.connect(service.database_url) as connection:
        for table, key, column in (
            ("execution", "id", "purge_at"),
            ("execution_name", "execution_id", "expires_at"),
        ):
            statement = "UPDATE {} SET {} = {} - interval '7 days' WHERE {} = %s"
            names = map(sql.Identifier, (table, column, column, key))
            moved = connection.execute(sql.SQL(statement).format(*names), [id_])
            assert moved.rowcount == 1


class TestPause:
    def test_an_execution_that_waits_is_paused_at_once(
        self, aws: Any, worker: RawWorker, waiting: str
    ) -> None:
        answer = aws.pause_durable_execution(DurableExecutionArn=waiting, Reason="look first")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert set(answer) == {"ResponseMetadata"}
        paused = get(aws, waiting)
        assert paused["Status"] == "PAUSED"
        details = paused["PauseDetails"]
        assert (details["Reason"], details["ExecutionTimeoutPaused"]) == ("look first", True)
        assert paused["ExpectedExecutionTimeoutTimestamp"] == paused["StartTimestamp"] + YEAR
        assert "EndTimestamp" not in paused
        event = history(aws, waiting)[-1]
        assert event["EventType"] == "ExecutionPaused"
        assert event["Id"] == waiting.rpartition("/")[2]
        assert event["ExecutionPausedDetails"] == {
            "PauseRequestTimestamp": details["PauseRequestTimestamp"],
            "ExecutionTimeoutPaused": True,
            "Reason": {"Payload": "look first", "Truncated": False},
        }
        assert listed(aws, worker, "PAUSED", "DELETING") == [waiting]
        assert listed(aws, worker, "RUNNING", "PAUSING") == []

    def test_the_reason_is_data(self, aws: Any, waiting: str) -> None:
        aws.pause_durable_execution(DurableExecutionArn=waiting, Reason="secret")
        without = get(aws, waiting, IncludeExecutionData=False)["PauseDetails"]
        assert set(without) == {"PauseRequestTimestamp", "ExecutionTimeoutPaused"}
        aws.resume_durable_execution(DurableExecutionArn=waiting, Reason="secret too")
        paused, resumed = history(aws, waiting, IncludeExecutionData=False)[-2:]
        assert paused["ExecutionPausedDetails"]["Reason"] == {"Truncated": True}
        assert resumed["ExecutionResumedDetails"]["Reason"] == {"Truncated": True}

    @pytest.mark.parametrize("reason", ["", "\0 \u00e9 \U0001f980", "x" * 1_024])
    def test_a_reason_is_kept_as_it_is(
        self, aws: Any, worker: RawWorker, taken: Delivered, reason: str
    ) -> None:
        aws.pause_durable_execution(DurableExecutionArn=taken.arn, Reason=reason)
        assert get(aws, taken.arn)["PauseDetails"]["Reason"] == reason
        worker.suspend(taken)
        assert get(aws, taken.arn)["PauseDetails"]["Reason"] == reason
        details = history(aws, taken.arn)[-1]["ExecutionPausedDetails"]
        assert details["Reason"]["Payload"] == reason

    def test_a_function_that_runs_is_told_by_a_missing_token(
        self, aws: Any, worker: RawWorker, taken: Delivered
    ) -> None:
        aws.pause_durable_execution(DurableExecutionArn=taken.arn)
        assert status_of(aws, taken.arn) == "PAUSING"
        assert "Reason" not in get(aws, taken.arn)["PauseDetails"]
        answer = checkpoint(aws, taken, {**STEP, "Action": "SUCCEED", "Payload": "1"})
        assert "CheckpointToken" not in answer
        assert [one["Id"] for one in answer["NewExecutionState"]["Operations"]] == ["pay"]
        with pytest.raises(
            aws.exceptions.InvalidParameterValueException, match="Invalid checkpoint token"
        ):
            checkpoint(aws, taken)
        assert listed(aws, worker, "PAUSING") == [taken.arn]
        worker.suspend(taken)
        assert status_of(aws, taken.arn) == "PAUSED"
        assert [event["EventType"] for event in history(aws, taken.arn)] == [
            "ExecutionStarted",
            "StepSucceeded",
            "InvocationCompleted",
            "ExecutionPaused",
        ]
        assert "Error" not in history(aws, taken.arn)[2]["InvocationCompletedDetails"]

    def test_a_repeated_checkpoint_gets_the_same_answer_without_a_token(
        self, aws: Any, worker: RawWorker, taken: Delivered
    ) -> None:
        aws.pause_durable_execution(DurableExecutionArn=taken.arn)
        request = {**STEP, "Action": "START"}
        first = checkpoint(aws, taken, request, ClientToken="once")
        worker.suspend(taken)
        paused = checkpoint(aws, taken, request, ClientToken="once")
        aws.resume_durable_execution(DurableExecutionArn=taken.arn)
        resumed = checkpoint(aws, taken, request, ClientToken="once")
        for answer in (first, paused, resumed):
            del answer["ResponseMetadata"]
        assert first == paused == resumed
        assert "CheckpointToken" not in first

    def test_a_queued_invocation_is_not_handed_out(
        self, aws: Any, worker: RawWorker, function: str
    ) -> None:
        arn = start(aws, function)
        aws.pause_durable_execution(DurableExecutionArn=arn)
        assert worker.poll(wait_seconds=0) == []
        aws.resume_durable_execution(DurableExecutionArn=arn)
        assert worker.take().arn == arn

    def test_what_completes_meanwhile_is_recorded_and_held(
        self, aws: Any, worker: RawWorker, taken: Delivered
    ) -> None:
        answer = checkpoint(aws, taken, {"Id": "cb", "Type": "CALLBACK", "Action": "START"})
        (operation,) = answer["NewExecutionState"]["Operations"]
        worker.suspend(taken)
        aws.pause_durable_execution(DurableExecutionArn=taken.arn)
        aws.send_durable_execution_callback_success(
            CallbackId=operation["CallbackDetails"]["CallbackId"], Result=b'"yes"'
        )
        assert history(aws, taken.arn)[-1]["EventType"] == "CallbackSucceeded"
        assert worker.poll(wait_seconds=0) == []
        aws.resume_durable_execution(DurableExecutionArn=taken.arn)
        again = worker.take()
        assert again.event["UpdatedOperationIds"] == ["cb"]
        worker.succeed(again)
        assert status_of(aws, taken.arn) == "SUCCEEDED"

    def test_the_name_of_a_paused_execution_leads_to_it(
        self, aws: Any, worker: RawWorker, waiting: str
    ) -> None:
        aws.pause_durable_execution(DurableExecutionArn=waiting)
        assert start(aws, worker.function, DurableExecutionName="order-1") == waiting
        assert status_of(aws, waiting) == "PAUSED"

    def test_a_paused_execution_can_be_stopped(self, aws: Any, waiting: str) -> None:
        aws.pause_durable_execution(DurableExecutionArn=waiting)
        aws.stop_durable_execution(DurableExecutionArn=waiting)
        stopped = get(aws, waiting)
        assert stopped["Status"] == "STOPPED"
        assert not {"PauseDetails", "ExpectedExecutionTimeoutTimestamp"} & set(stopped)

    def test_the_timeout_may_go_on(self, aws: Any, http: httpx.Client, function: str) -> None:
        worker = RawWorker(http, function)
        worker.register(DurableConfig={**DURABLE, "ExecutionTimeout": 1})
        arn = start(aws, function)
        aws.pause_durable_execution(DurableExecutionArn=arn, ExecutionTimeoutPaused=False)
        paused = get(aws, arn)
        assert paused["PauseDetails"]["ExecutionTimeoutPaused"] is False
        timeout = paused["ExpectedExecutionTimeoutTimestamp"] - paused["StartTimestamp"]
        assert timeout == timedelta(seconds=1)
        eventually(lambda: status_of(aws, arn) == "TIMED_OUT")
        types = [event["EventType"] for event in history(aws, arn)]
        assert types == ["ExecutionStarted", "ExecutionPaused", "ExecutionTimedOut"]

    def test_a_paused_execution_outlives_its_timeout_and_has_the_rest_of_it_after(
        self, aws: Any, http: httpx.Client, function: str
    ) -> None:
        worker = RawWorker(http, function)
        worker.register(DurableConfig={**DURABLE, "ExecutionTimeout": 2})
        arn = start(aws, function)
        aws.pause_durable_execution(DurableExecutionArn=arn)
        paused_at = time.monotonic()
        eventually(lambda: time.monotonic() > paused_at + 2.5)
        assert status_of(aws, arn) == "PAUSED"
        aws.resume_durable_execution(DurableExecutionArn=arn)
        eventually(lambda: status_of(aws, arn) == "TIMED_OUT")
        _, paused, resumed, ended = (event["EventTimestamp"] for event in history(aws, arn))
        started = aws.get_durable_execution(DurableExecutionArn=arn)["StartTimestamp"]
        lasted = (ended - started) - (resumed - paused)
        assert lasted >= timedelta(seconds=2)


class TestResume:
    def test_the_execution_goes_on_and_has_more_time(self, aws: Any, waiting: str) -> None:
        aws.pause_durable_execution(DurableExecutionArn=waiting)
        answer = aws.resume_durable_execution(DurableExecutionArn=waiting, Reason="all is well")
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert set(answer) == {"ResponseMetadata"}
        running = get(aws, waiting)
        assert running["Status"] == "RUNNING"
        assert "PauseDetails" not in running
        paused, resumed = history(aws, waiting)[-2:]
        assert resumed["EventType"] == "ExecutionResumed"
        assert resumed["ExecutionResumedDetails"] == {
            "ResumeRequestTimestamp": resumed["EventTimestamp"],
            "Reason": {"Payload": "all is well", "Truncated": False},
        }
        lasted = resumed["EventTimestamp"] - paused["EventTimestamp"]
        timeout = running["ExpectedExecutionTimeoutTimestamp"] - running["StartTimestamp"]
        assert timeout == timedelta(seconds=3_600) + lasted

    def test_what_the_pause_interrupted_is_invoked_again(
        self, aws: Any, worker: RawWorker, taken: Delivered
    ) -> None:
        aws.pause_durable_execution(DurableExecutionArn=taken.arn)
        checkpoint(aws, taken, {**STEP, "Action": "SUCCEED"})
        worker.suspend(taken)
        assert worker.poll(wait_seconds=0) == []
        aws.resume_durable_execution(DurableExecutionArn=taken.arn)
        worker.succeed(worker.take(), '"all"')
        assert get(aws, taken.arn)["Result"] == '"all"'

    def test_a_pause_that_does_not_hold_yet_is_taken_back(self, aws: Any, taken: Delivered) -> None:
        aws.pause_durable_execution(DurableExecutionArn=taken.arn)
        aws.resume_durable_execution(DurableExecutionArn=taken.arn)
        assert status_of(aws, taken.arn) == "RUNNING"
        assert "CheckpointToken" in checkpoint(aws, taken, {**STEP, "Action": "START"})

    def test_after_a_withheld_token_one_more_invocation_follows(
        self, aws: Any, worker: RawWorker, taken: Delivered
    ) -> None:
        aws.pause_durable_execution(DurableExecutionArn=taken.arn)
        checkpoint(aws, taken, {**STEP, "Action": "START"})
        aws.resume_durable_execution(DurableExecutionArn=taken.arn)
        assert worker.poll(wait_seconds=0) == []
        worker.suspend(taken)
        worker.succeed(worker.take())
        assert status_of(aws, taken.arn) == "SUCCEEDED"


class TestDelete:
    def test_a_closed_execution_is_gone_and_its_name_is_free(
        self, aws: Any, worker: RawWorker, closed: str
    ) -> None:
        before = get(aws, closed)
        answer = aws.delete_durable_execution(DurableExecutionArn=closed)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
        assert answer["DeletionRequestTimestamp"] >= before["EndTimestamp"]
        again = start(aws, worker.function, b"{}", DurableExecutionName="order-1")
        assert again != closed
        eventually(lambda: is_gone(aws, closed))
        for operation in ("pause", "resume", "stop", "delete"):
            with pytest.raises(ClientError) as refused:
                getattr(aws, f"{operation}_durable_execution")(DurableExecutionArn=closed)
            assert code_of(refused) == ("ResourceNotFoundException", 404)
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            history(aws, closed)
        everything = aws.list_durable_executions_by_function(FunctionName=worker.function)
        arns = [one["DurableExecutionArn"] for one in everything["DurableExecutions"]]
        assert arns == [again]

    def test_a_zombie_of_a_deleted_execution_changes_nothing(
        self, aws: Any, worker: RawWorker, taken: Delivered
    ) -> None:
        aws.stop_durable_execution(DurableExecutionArn=taken.arn)
        aws.delete_durable_execution(DurableExecutionArn=taken.arn)
        eventually(lambda: is_gone(aws, taken.arn))
        with pytest.raises(
            aws.exceptions.InvalidParameterValueException, match="Invalid checkpoint token"
        ):
            checkpoint(aws, taken, {**STEP, "Action": "START"})
        worker.suspend(taken)
        assert is_gone(aws, taken.arn)

    def test_it_is_deleting_until_its_parent_has_heard(
        self, aws: Any, worker: RawWorker, taken: Delivered, service: RunningService
    ) -> None:
        chained = {
            "Id": "sub",
            "Type": "CHAINED_INVOKE",
            "Action": "START",
            "ChainedInvokeOptions": {"FunctionName": f"{worker.function}:$LATEST"},
        }
        checkpoint(aws, taken, chained)
        child = worker.take()
        worker.succeed(child, '"done"')
        eventually(lambda: "ChainedInvokeSucceeded" in str(history(aws, taken.arn)))
        with undelivered_notice(service, child.arn):
            first = aws.delete_durable_execution(DurableExecutionArn=child.arn)
            deleting = get(aws, child.arn)
            assert deleting["Status"] == "DELETING"
            assert not {"Result", "Error", "ExpectedExecutionTimeoutTimestamp"} & set(deleting)
            assert "EndTimestamp" in deleting
            assert listed(aws, worker, "DELETING") == [child.arn]
            again = aws.delete_durable_execution(DurableExecutionArn=child.arn)
            assert again["DeletionRequestTimestamp"] == first["DeletionRequestTimestamp"]
            with pytest.raises(aws.exceptions.ResourceConflictException, match="DELETING"):
                aws.pause_durable_execution(DurableExecutionArn=child.arn)
        eventually(lambda: is_gone(aws, child.arn))
        assert status_of(aws, taken.arn) == "RUNNING"

    def test_what_it_started_lives_on(self, aws: Any, worker: RawWorker, taken: Delivered) -> None:
        chained = {
            "Id": "sub",
            "Type": "CHAINED_INVOKE",
            "Action": "START",
            "ChainedInvokeOptions": {"FunctionName": f"{worker.function}:$LATEST"},
        }
        checkpoint(aws, taken, chained)
        child = worker.take()
        aws.stop_durable_execution(DurableExecutionArn=taken.arn)
        aws.delete_durable_execution(DurableExecutionArn=taken.arn)
        eventually(lambda: is_gone(aws, taken.arn))
        worker.succeed(child)
        assert status_of(aws, child.arn) == "SUCCEEDED"
        aws.delete_durable_execution(DurableExecutionArn=child.arn)
        eventually(lambda: is_gone(aws, child.arn))


class TestRetention:
    def test_an_execution_is_gone_when_its_retention_is_over_and_its_name_is_free(
        self, aws: Any, worker: RawWorker, service: RunningService, closed: str
    ) -> None:
        assert start(aws, worker.function, DurableExecutionName="order-1") == closed
        ended_a_week_ago(service, closed)
        again = start(aws, worker.function, b"{}", DurableExecutionName="order-1")
        assert again != closed
        # The pass that a deletion asks for takes whatever is due.
        aws.stop_durable_execution(DurableExecutionArn=again)
        aws.delete_durable_execution(DurableExecutionArn=again)
        eventually(lambda: is_gone(aws, closed))
        everything = aws.list_durable_executions_by_function(FunctionName=worker.function)
        assert closed not in [one["DurableExecutionArn"] for one in everything["DurableExecutions"]]


OPERATIONS = ["pause", "resume", "delete"]


class TestRefusals:
    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_unknown_execution(self, aws: Any, operation: str) -> None:
        with pytest.raises(ClientError) as refused:
            getattr(aws, f"{operation}_durable_execution")(DurableExecutionArn=NOBODY)
        assert code_of(refused) == ("ResourceNotFoundException", 404)

    @pytest.mark.parametrize("operation", OPERATIONS)
    def test_an_arn_that_is_none(self, aws: Any, operation: str) -> None:
        with pytest.raises(ClientError) as refused:
            getattr(aws, f"{operation}_durable_execution")(DurableExecutionArn="order-1")
        assert code_of(refused) == ("InvalidParameterValueException", 400)

    def test_the_wrong_state(self, aws: Any, waiting: str) -> None:
        for operation in ("resume", "delete"):
            with pytest.raises(ClientError, match="The execution is RUNNING") as refused:
                getattr(aws, f"{operation}_durable_execution")(DurableExecutionArn=waiting)
            assert code_of(refused) == ("ResourceConflictException", 409)
        aws.pause_durable_execution(DurableExecutionArn=waiting)
        for operation in ("pause", "delete"):
            with pytest.raises(ClientError, match="The execution is PAUSED") as refused:
                getattr(aws, f"{operation}_durable_execution")(DurableExecutionArn=waiting)
            assert code_of(refused) == ("ResourceConflictException", 409)

    def test_a_closed_execution(self, aws: Any, closed: str) -> None:
        for operation in ("pause", "resume"):
            with pytest.raises(aws.exceptions.ResourceConflictException, match="SUCCEEDED"):
                getattr(aws, f"{operation}_durable_execution")(DurableExecutionArn=closed)

    def test_a_repeat_succeeds_and_one_that_asks_for_something_else_does_not(
        self, aws: Any, waiting: str
    ) -> None:
        token = str(uuid.uuid4())
        for operation in ("pause", "resume"):
            call = getattr(aws, f"{operation}_durable_execution")
            for _ in range(2):
                call(DurableExecutionArn=waiting, ClientToken=token, Reason="a")
            with pytest.raises(
                aws.exceptions.InvalidParameterValueException, match="other parameters"
            ):
                call(DurableExecutionArn=waiting, ClientToken=token, Reason="b")
        types = [event["EventType"] for event in history(aws, waiting)]
        assert types[-2:] == ["ExecutionPaused", "ExecutionResumed"]

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            (b"{", "into json"),
            (b"[]", "Member must be an object"),
            (b'{"Reason": 5}', "'reason' failed .* be a string"),
            (b'{"Reason": "\\udfff"}', "into json"),
            (b'{"Reason": "%s"}' % (b"x" * 1_025), "Value at 'reason'.*equal to 1024"),
            (b'{"ClientToken": ""}', "'clientToken' failed"),
            (b'{"ClientToken": "a b"}', "'clientToken' failed"),
        ],
    )
    @pytest.mark.parametrize("verb", ["pause", "resume"])
    def test_a_body_that_breaks_the_model(
        self, http: httpx.Client, waiting: str, verb: str, body: bytes, message: str
    ) -> None:
        answer = http.post(f"/2025-12-01/durable-executions/{waiting}/{verb}", content=body)
        assert answer.status_code == 400
        assert answer.headers["x-amzn-errortype"] == "InvalidParameterValueException"
        assert re.search(message, answer.json()["message"])

    def test_no_body_asks_for_nothing_special(self, http: httpx.Client, waiting: str) -> None:
        path = f"/2025-12-01/durable-executions/{waiting}"
        assert http.post(f"{path}/pause").status_code == 202
        shown = http.get(f"/v1/executions/{waiting}").json()
        assert shown["status"] == "PAUSED"
        assert shown["pause"]["paused_at"] == shown["pause"]["requested_at"]
        assert http.post(f"{path}/resume", content=b"{}").status_code == 202
        assert "pause" not in http.get(f"/v1/executions/{waiting}").json()
