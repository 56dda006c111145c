"""Chained invokes by hand: a parent and its target, each served by a worker of its own."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import DURABLE, Delivered, RawWorker

TRACE = "Root=1-67891233-abcdef012345678912345678"


@pytest.fixture
def parent(aws: Any, worker: RawWorker, http: httpx.Client) -> Delivered:
    """The first invocation of an execution that has a trace."""
    http.post(
        f"/2015-03-31/functions/{worker.function}:$LATEST/invocations",
        headers={"X-Amz-Invocation-Type": "Event", "X-Amzn-Trace-Id": TRACE},
    )
    return worker.take()


@pytest.fixture
def target(http: httpx.Client, function: str) -> RawWorker:
    """A durable target."""
    target = RawWorker(http, f"{function}-target")
    assert target.register().status_code == 200
    return target


@pytest.fixture
def plain(http: httpx.Client, function: str) -> RawWorker:
    """A target without operations."""
    plain = RawWorker(http, f"{function}-plain")
    assert plain.register(DurableConfig=None).status_code == 200
    return plain


def starts(function: str, **options: Any) -> dict[str, Any]:
    return {
        "Id": "i",
        "Type": "CHAINED_INVOKE",
        "Name": "ship",
        "Action": "START",
        "Payload": '{"n": 1}',
        "ChainedInvokeOptions": {"FunctionName": function, **options},
    }


def checkpoint(aws: Any, delivered: Delivered, *updates: dict[str, Any]) -> Any:
    return aws.checkpoint_durable_execution(
        DurableExecutionArn=delivered.arn, CheckpointToken=delivered.token, Updates=updates
    )


def events_of(aws: Any, arn: str) -> list[dict[str, Any]]:
    events = aws.get_durable_execution_history(DurableExecutionArn=arn)["Events"]
    assert isinstance(events, list)
    return events


def resumed(worker: RawWorker) -> tuple[Delivered, dict[str, Any]]:
    """The parent's next invocation, and its CHAINED_INVOKE as that is told."""
    delivered = worker.take()
    operations = delivered.event["InitialExecutionState"]["Operations"]
    (operation,) = (one for one in operations if one["Id"] == "i")
    assert delivered.event["UpdatedOperationIds"] == ["i"]
    return delivered, operation


def test_a_durable_target_is_an_execution_of_its_own(
    aws: Any, worker: RawWorker, parent: Delivered, target: RawWorker
) -> None:
    address = f"{target.function}:$LATEST"
    checkpoint(aws, parent, starts(address, TenantId="blue"))
    child = target.take()
    assert (child.header["TenantId"], child.header["TraceId"]) == ("blue", TRACE)
    (execution,) = child.event["InitialExecutionState"]["Operations"]
    assert execution["ExecutionDetails"] == {"InputPayload": '{"n": 1}'}
    worker.suspend(parent)
    target.succeed(child, '"shipped"')
    _, operation = resumed(worker)
    assert operation["Status"] == "SUCCEEDED"
    assert operation["ChainedInvokeDetails"] == {"Result": '"shipped"'}
    started = events_of(aws, parent.arn)[1]
    assert started["Name"] == "ship"
    assert started["ChainedInvokeStartedDetails"] == {
        "FunctionName": address,
        "TenantId": "blue",
        "Input": {"Payload": '{"n": 1}', "Truncated": False},
        "ExecutedVersion": "$LATEST",
        "DurableExecutionArn": child.arn,
    }
    traced = aws.get_durable_execution(DurableExecutionArn=child.arn)
    assert traced["TraceHeader"] == {"XAmznTraceId": TRACE}


def test_a_plain_target_is_one_invocation_with_a_trace_of_its_own(
    aws: Any, worker: RawWorker, parent: Delivered, plain: RawWorker
) -> None:
    update = starts(plain.function, XAmznTraceId="Root=1-mine")
    del update["Payload"]
    checkpoint(aws, parent, update)
    child = plain.take()
    assert (child.payload, child.header["TraceId"], child.header["TenantId"]) == (
        b"{}",
        "Root=1-mine",
        None,
    )
    worker.suspend(parent)
    plain.finish(child, b'{"any": "thing"}')
    _, operation = resumed(worker)
    assert operation["ChainedInvokeDetails"] == {"Result": '{"any": "thing"}'}
    details = events_of(aws, parent.arn)[1]["ChainedInvokeStartedDetails"]
    assert details["ExecutedVersion"] == "$LATEST"
    assert "DurableExecutionArn" not in details


@pytest.mark.parametrize(
    ("outcome", "body", "error"),
    [
        (
            "timeout",
            b'{"errorType": "Sandbox.Timedout", "errorMessage": "Task timed out"}',
            {"ErrorType": "Sandbox.Timedout", "ErrorMessage": "Task timed out"},
        ),
        (
            "error",
            b'{"errorType": "KeyError", "errorMessage": "no", "stackTrace": ["line 1"]}',
            {"ErrorType": "KeyError", "ErrorMessage": "no", "StackTrace": ["line 1"]},
        ),
        (
            "returned",
            b'"\xff"',
            {
                "ErrorType": "InvalidParameterValueException",
                "ErrorMessage": "CHAINED_INVOKE response could not be decoded as UTF-8.",
            },
        ),
        (
            "returned",
            b'"%b"' % (b"x" * 1_048_575),
            {
                "ErrorType": "InvalidParameterValueException",
                "ErrorMessage": "CHAINED_INVOKE output payload size must be less than or equal to "
                "1048576 bytes.",
            },
        ),
    ],
    ids=["timeout", "function error", "not text", "too large"],
)
def test_a_plain_target_that_goes_wrong_fails_the_operation_and_is_not_tried_again(
    aws: Any,
    worker: RawWorker,
    parent: Delivered,
    plain: RawWorker,
    outcome: str,
    body: bytes,
    error: dict[str, Any],
) -> None:
    checkpoint(aws, parent, starts(plain.function))
    worker.suspend(parent)
    plain.finish(plain.take(), body, outcome)
    _, operation = resumed(worker)
    assert operation["Status"] == "FAILED"
    assert operation["ChainedInvokeDetails"] == {"Error": error}
    failed = events_of(aws, parent.arn)[-1]
    assert failed["EventType"] == "ChainedInvokeFailed"
    assert failed["ChainedInvokeFailedDetails"] == {"Error": {"Payload": error, "Truncated": False}}


def test_a_target_that_is_stopped_stops_the_operation(
    aws: Any, worker: RawWorker, parent: Delivered, target: RawWorker
) -> None:
    checkpoint(aws, parent, starts(f"{target.function}:$LATEST"))
    worker.suspend(parent)
    error = {"ErrorType": "Cancelled", "ErrorMessage": "by hand"}
    aws.stop_durable_execution(DurableExecutionArn=target.take().arn, Error=error)
    _, operation = resumed(worker)
    assert operation["Status"] == "STOPPED"
    assert operation["ChainedInvokeDetails"] == {"Error": error}
    assert events_of(aws, parent.arn)[-1]["ChainedInvokeStoppedDetails"] == {
        "Error": {"Payload": error, "Truncated": False}
    }


def test_a_target_that_runs_out_of_time_times_the_operation_out(
    aws: Any, worker: RawWorker, parent: Delivered, target: RawWorker
) -> None:
    target.register(DurableConfig={**DURABLE, "ExecutionTimeout": 1})
    checkpoint(aws, parent, starts(f"{target.function}:$LATEST"))
    worker.suspend(parent)
    _, operation = resumed(worker)
    assert operation["Status"] == "TIMED_OUT"
    assert operation["ChainedInvokeDetails"]["Error"] == {
        "ErrorType": "ChainedInvoke.Timeout",
        "ErrorMessage": "CHAINED_INVOKE timed out after 1 seconds.",
    }


def test_a_target_that_cannot_be_invoked_fails_in_the_answer_and_has_but_a_name_in_the_history(
    aws: Any, worker: RawWorker, parent: Delivered, target: RawWorker
) -> None:
    unqualified = "You cannot invoke a durable function using an unqualified ARN."
    missing = {**starts(f"{target.function}-nowhere:1", TenantId="blue"), "Id": "missing"}
    (answered, other) = checkpoint(aws, parent, starts(target.function), missing)[
        "NewExecutionState"
    ]["Operations"]
    assert answered["Status"] == other["Status"] == "FAILED"
    assert answered["ChainedInvokeDetails"]["Error"] == {
        "ErrorType": "InvalidParameterValueException",
        "ErrorMessage": unqualified,
    }
    assert other["ChainedInvokeDetails"]["Error"]["ErrorType"] == "ResourceNotFoundException"
    assert other["ChainedInvokeDetails"]["Error"]["ErrorMessage"].startswith("Function not found: ")
    started = [e for e in events_of(aws, parent.arn) if e["EventType"] == "ChainedInvokeStarted"]
    assert [event["ChainedInvokeStartedDetails"] for event in started] == [
        {"FunctionName": target.function},
        {"FunctionName": f"{target.function}-nowhere:1"},
    ]


@pytest.mark.parametrize(
    ("address", "message"),
    [
        (
            "arn:aws:lambda:us-east-1:111111111111:function:ship:1",
            "Cannot start a CHAINED_INVOKE on a function in another account.",
        ),
        (
            "arn:aws:lambda:eu-west-1:000000000000:function:ship:1",
            "Cannot start a CHAINED_INVOKE on a function in another region.",
        ),
        ("ship.it:1", "Invalid function ARN 'ship.it:1'"),
    ],
)
def test_a_target_that_nobody_may_ask_for_refuses_the_batch(
    aws: Any, parent: Delivered, address: str, message: str
) -> None:
    for _ in range(2):  # the token still holds
        with pytest.raises(aws.exceptions.InvalidParameterValueException) as refused:
            checkpoint(aws, parent, starts(address))
        assert refused.value.response["Error"]["Message"].startswith(message)
    assert len(events_of(aws, parent.arn)) == 1


def test_a_target_started_by_the_closing_batch_runs_and_nobody_hears_of_it(
    aws: Any, parent: Delivered, target: RawWorker
) -> None:
    end = {"Id": "result", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "1"}
    checkpoint(aws, parent, starts(f"{target.function}:$LATEST"), end)
    child = target.take()
    target.succeed(child)
    assert aws.get_durable_execution(DurableExecutionArn=child.arn)["Status"] == "SUCCEEDED"
    assert [event["EventType"] for event in events_of(aws, parent.arn)] == [
        "ExecutionStarted",
        "ChainedInvokeStarted",
        "ExecutionSucceeded",
    ]
