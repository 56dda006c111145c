"""What a function is told of its operations, on the wire and in the history."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import Delivered, RawWorker
from tests.contract.running_service import RunningService
from tests.support.waiting import eventually

WAIT = {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 1}}


@pytest.fixture
def taken(aws: Any, worker: RawWorker) -> Delivered:
    """The first invocation of a new execution."""
    aws.invoke(FunctionName=f"{worker.function}:$LATEST", InvocationType="Event")
    return worker.take()


def checkpoint(aws: Any, delivered: Delivered, *updates: dict[str, Any]) -> dict[str, Any]:
    """The operations of the answer, by id."""
    answer = aws.checkpoint_durable_execution(
        DurableExecutionArn=delivered.arn, CheckpointToken=delivered.token, Updates=updates
    )
    return {one["Id"]: one for one in answer["NewExecutionState"]["Operations"]}


def initial(delivered: Delivered) -> dict[str, Any]:
    """The operations of an invocation's initial state, by id."""
    operations = delivered.event["InitialExecutionState"]["Operations"]
    return {operation["Id"]: operation for operation in operations}


def events_of(aws: Any, arn: str) -> list[dict[str, Any]]:
    events = aws.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    assert isinstance(events, list)
    return events


def closed(aws: Any, arn: str) -> dict[str, Any]:
    """The execution, once it has closed."""
    eventually(lambda: aws.get_durable_execution(DurableExecutionArn=arn)["Status"] != "RUNNING")
    answer = aws.get_durable_execution(DurableExecutionArn=arn)
    assert isinstance(answer, dict)
    return answer


def test_what_a_condition_polled_is_kept_until_the_next_poll_has_ended(
    aws: Any, worker: RawWorker, taken: Delivered
) -> None:
    poll = {"Id": "poll", "Type": "STEP"}
    again = {
        "Action": "RETRY",
        "Payload": '{"n": 1}',
        "StepOptions": {"NextAttemptDelaySeconds": 1},
    }
    named = {"Name": "until", "SubType": "WaitForCondition"}
    found = checkpoint(aws, taken, {**poll, **named, "Action": "START"}, {**poll, **again})
    assert found["poll"]["Status"] == "PENDING"
    assert found["poll"]["StepDetails"]["Result"] == '{"n": 1}'
    worker.suspend(taken)
    second = worker.take()
    ready = initial(second)["poll"]
    assert ready["Status"] == "READY"
    assert ready["StepDetails"] == {"Attempt": 1, "Result": '{"n": 1}'}
    started = checkpoint(aws, second, {**poll, "Action": "START"})["poll"]
    assert (started["Status"], started["Name"], started["SubType"]) == (
        "STARTED",
        "until",
        "WaitForCondition",
    )
    assert started["StepDetails"] == {"Attempt": 1, "Result": '{"n": 1}'}
    worker.finish(second, b"", outcome="exit")
    third = worker.take()
    assert initial(third)["poll"]["StepDetails"] == {"Attempt": 1, "Result": '{"n": 1}'}
    ended = checkpoint(aws, third, {**poll, "Action": "SUCCEED", "Payload": "2"})["poll"]
    assert ended["StepDetails"] == {"Attempt": 2, "Result": "2"}
    succeeded = [e for e in events_of(aws, taken.arn) if e["EventType"] == "StepSucceeded"]
    assert [event["StepSucceededDetails"] for event in succeeded] == [
        {
            "Result": {"Payload": '{"n": 1}', "Truncated": False},
            "RetryDetails": {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1},
        },
        {"Result": {"Payload": "2", "Truncated": False}, "RetryDetails": {"CurrentAttempt": 2}},
    ]


def test_a_cancelled_wait_is_told_and_stays_cancelled(
    aws: Any, worker: RawWorker, taken: Delivered
) -> None:
    token = aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn,
        CheckpointToken=taken.token,
        Updates=[{**WAIT, "Name": "pause", "WaitOptions": {"WaitSeconds": 3_600}}],
    )["CheckpointToken"]
    (cancelled,) = aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn,
        CheckpointToken=token,
        Updates=[{"Id": "w", "Type": "WAIT", "Action": "CANCEL"}],
    )["NewExecutionState"]["Operations"]
    assert (cancelled["Status"], cancelled["Name"]) == ("CANCELLED", "pause")
    assert cancelled["EndTimestamp"]
    last = events_of(aws, taken.arn)[-1]
    assert (last["EventType"], last["Name"], last["WaitCancelledDetails"]) == (
        "WaitCancelled",
        "pause",
        {},
    )


def test_an_invocation_is_told_what_happened_since_the_last_one_that_ended_well(
    aws: Any, worker: RawWorker, taken: Delivered
) -> None:
    assert taken.event["UpdatedOperationIds"] == []
    checkpoint(aws, taken, WAIT, {"Id": "s", "Type": "STEP", "Action": "SUCCEED"})
    worker.suspend(taken)
    for outcome in ("exit", "timeout"):
        lost = worker.take()
        assert lost.event["UpdatedOperationIds"] == ["w"]
        worker.finish(lost, b"{}", outcome=outcome)
    last = worker.take()
    assert last.event["UpdatedOperationIds"] == ["w"]
    worker.succeed(last)


def test_an_answer_shows_what_changed_since_the_last_one_and_nothing_else(
    aws: Any, worker: RawWorker
) -> None:
    run = ByHand.start(aws, worker)
    first = {"Id": "a", "Type": "STEP", "Action": "SUCCEED", "Payload": "1"}
    callback = {"Id": "c", "Type": "CALLBACK", "Action": "START"}
    shown = run.checkpoint(first, WAIT, callback)
    assert list(shown) == ["a", "w", "c"]
    assert list(run.checkpoint({"Id": "b", "Type": "STEP", "Action": "START"})) == ["b"]
    aws.send_durable_execution_callback_success(
        CallbackId=shown["c"]["CallbackDetails"]["CallbackId"]
    )
    seen: list[str] = []
    while "w" not in seen:
        seen += run.checkpoint()
    assert sorted(seen) == ["c", "w"]
    assert run.checkpoint() == {}


def test_what_completes_while_a_function_runs_leads_to_one_invocation_once_it_has_ended(
    aws: Any, worker: RawWorker
) -> None:
    run = ByHand.start(aws, worker)
    shown = run.checkpoint(
        *({"Id": id_, "Type": "CALLBACK", "Action": "START"} for id_ in ("a", "b", "c"))
    )
    for id_ in ("a", "b"):
        aws.send_durable_execution_callback_success(
            CallbackId=shown[id_]["CallbackDetails"]["CallbackId"]
        )
    assert worker.poll(wait_seconds=0.2) == []
    again = run.suspend()
    assert again.delivered.event["UpdatedOperationIds"] == ["a", "b"]
    worker.suspend(again.delivered)
    assert worker.poll(wait_seconds=0.2) == []


def test_a_state_too_large_for_an_invocation_goes_on_in_pages(aws: Any, worker: RawWorker) -> None:
    with ThreadPoolExecutor() as threads:
        payload = b'"%b"' % (b"x" * 6_000_000)
        call = threads.submit(
            aws.invoke, FunctionName=f"{worker.function}:$LATEST", Payload=payload
        )
        run = ByHand.take(aws, worker)
        step = {"Type": "STEP", "Action": "SUCCEED", "Payload": "1"}
        run.checkpoint({"Id": "a", **step}, {"Id": "b", **step}, WAIT)
        run = run.suspend()
        state = run.delivered.event["InitialExecutionState"]
        (execution,) = state["Operations"]
        assert execution["ExecutionDetails"]["InputPayload"].encode() == payload
        rest = run.state(Marker=state["NextMarker"], MaxItems=1_000)
        assert [operation["Id"] for operation in rest] == ["a", "b", "w"]
        worker.succeed(run.delivered, "1")
        assert call.result()["Payload"].read() == b"1"


@pytest.mark.parametrize("size", [None, 0])
def test_a_page_of_state_has_a_hundred_operations_unless_told_otherwise(
    aws: Any, worker: RawWorker, size: int | None
) -> None:
    run = ByHand.start(aws, worker)
    ids = [f"s{n}" for n in range(150)]
    run.checkpoint(*({"Id": id_, "Type": "STEP", "Action": "START"} for id_ in ids))
    query = {} if size is None else {"MaxItems": size}
    own_id = run.arn.rpartition("/")[2]
    assert [operation["Id"] for operation in run.state(**query)] == [own_id, *ids[:99]]
    everything = run.state(MaxItems=1_000)
    assert [operation["Id"] for operation in everything] == [own_id, *ids]


def test_what_is_too_much_for_one_answer_comes_in_pages_of_the_state(
    aws: Any, taken: Delivered
) -> None:
    ids = [f"cb{n}" for n in range(6)]
    opened = aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn,
        CheckpointToken=taken.token,
        Updates=[{"Id": id_, "Type": "CALLBACK", "Action": "START"} for id_ in ids],
    )
    for callback in opened["NewExecutionState"]["Operations"]:
        aws.send_durable_execution_callback_success(
            CallbackId=callback["CallbackDetails"]["CallbackId"], Result=b"x" * 1_048_576
        )
    answer = aws.checkpoint_durable_execution(
        DurableExecutionArn=taken.arn, CheckpointToken=opened["CheckpointToken"]
    )
    state = answer["NewExecutionState"]
    assert 0 < len(state["Operations"]) < len(ids)
    rest = aws.get_durable_execution_state(
        DurableExecutionArn=taken.arn,
        CheckpointToken=answer["CheckpointToken"],
        Marker=state["NextMarker"],
        MaxItems=1_000,
    )
    assert "NextMarker" not in rest
    operations = state["Operations"] + rest["Operations"]
    assert [operation["Id"] for operation in operations] == ids
    assert {len(operation["CallbackDetails"]["Result"]) for operation in operations} == {1_048_576}


def test_an_output_that_is_not_utf8_fails_the_execution_at_once(
    aws: Any, worker: RawWorker, taken: Delivered
) -> None:
    assert worker.finish(taken, b'{"Status": "SUCCEEDED", "Result": "\xff"}').status_code == 202
    failed = aws.get_durable_execution(DurableExecutionArn=taken.arn)
    assert failed["Status"] == "FAILED"
    assert failed["Error"] == {
        "ErrorType": "InvalidParameterValueException",
        "ErrorMessage": "Invocation output is not valid UTF-8.",
    }


def test_an_execution_whose_function_is_gone_fails_when_it_would_go_on(
    aws: Any, service: RunningService, worker: RawWorker, taken: Delivered
) -> None:
    checkpoint(aws, taken, {**WAIT, "WaitOptions": {"WaitSeconds": 2}})
    worker.suspend(taken)
    with psycopg.connect(service.database_url) as connection:
        connection.execute("DELETE FROM function WHERE name = %s", [worker.function])
        connection.execute(
            "DELETE FROM function_version WHERE function_name = %s", [worker.function]
        )
    assert worker.poll(wait_seconds=4) == [], "there is a free slot, and nothing to run in it"
    failed = closed(aws, taken.arn)
    assert failed["Status"] == "FAILED"
    assert failed["Error"]["ErrorType"] == "ResourceNotFoundException"
    assert failed["Error"]["ErrorMessage"].startswith("Function not found: arn:aws:lambda:")


def test_a_name_belongs_to_one_version(aws: Any, function: str) -> None:
    aws.create_function(
        FunctionName=function,
        Role="arn:aws:iam::000000000000:role/any",
        PackageType="Image",
        Code={"ImageUri": "http://127.0.0.1:9"},
        DurableConfig={"ExecutionTimeout": 60},
        Publish=True,
    )
    request = {"InvocationType": "Event", "DurableExecutionName": "once"}
    arn = aws.invoke(FunctionName=f"{function}:1", **request)["DurableExecutionArn"]
    assert aws.invoke(FunctionName=f"{function}:1", **request)["DurableExecutionArn"] == arn
    with pytest.raises(aws.exceptions.DurableExecutionAlreadyStartedException) as refused:
        aws.invoke(FunctionName=f"{function}:$LATEST", **request)
    assert refused.value.response["Error"]["Message"] == f"Execution already started: {arn}"
    aws.stop_durable_execution(DurableExecutionArn=arn)
