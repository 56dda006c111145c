"""Get, history, list, stop, checkpoint and state, by boto3."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import httpx
import pytest

from tests.contract.raw_worker import Delivered, RawWorker

MINUTE = timedelta(minutes=1)
STEP = {"Id": "pay", "Type": "STEP", "Name": "pay", "SubType": "Step"}


@pytest.fixture
def taken(aws: Any, worker: RawWorker) -> Delivered:
    """The first invocation of a new execution."""
    started = aws.invoke(
        FunctionName=f"{worker.function}:$LATEST",
        InvocationType="Event",
        Payload=b'{"amount": 5}',
    )
    delivered = worker.take()
    assert delivered.arn == started["DurableExecutionArn"]
    return delivered


def checkpoint(aws: Any, delivered: Delivered, *updates: dict[str, Any]) -> Any:
    return aws.checkpoint_durable_execution(
        DurableExecutionArn=delivered.arn, CheckpointToken=delivered.token, Updates=updates
    )


def test_a_checkpoint_answers_with_what_it_changed_and_the_next_token(
    aws: Any, taken: Delivered
) -> None:
    answer = checkpoint(aws, taken, {**STEP, "Action": "SUCCEED", "Payload": '"\0 é"'})
    assert answer["CheckpointToken"] != taken.token
    (operation,) = answer["NewExecutionState"]["Operations"]
    assert operation["Id"] == "pay"
    assert operation["Status"] == "SUCCEEDED"
    assert operation["StepDetails"] == {"Attempt": 1, "Result": '"\0 é"'}
    assert operation["StartTimestamp"].tzinfo is not None


def test_every_kind_of_update_is_understood(aws: Any, taken: Delivered, function: str) -> None:
    answer = checkpoint(
        aws,
        taken,
        {"Id": "all", "Type": "CONTEXT", "Action": "START", "SubType": "Parallel"},
        {**STEP, "ParentId": "all", "Action": "START"},
        {
            **STEP,
            "Action": "RETRY",
            "Error": {"ErrorType": "Busy", "ErrorMessage": "later", "StackTrace": ["here"]},
            "StepOptions": {"NextAttemptDelaySeconds": 600},
        },
        {"Id": "w", "Type": "WAIT", "Action": "START", "WaitOptions": {"WaitSeconds": 60}},
        {
            "Id": "cb",
            "Type": "CALLBACK",
            "Action": "START",
            "CallbackOptions": {"TimeoutSeconds": 60, "HeartbeatTimeoutSeconds": 30},
        },
        {
            "Id": "sub",
            "Type": "CHAINED_INVOKE",
            "Action": "START",
            "Payload": "{}",
            "ChainedInvokeOptions": {"FunctionName": f"{function}-nowhere:1", "TenantId": "t"},
        },
        {
            "Id": "all",
            "Type": "CONTEXT",
            "Action": "SUCCEED",
            "Payload": "",
            "ContextOptions": {"ReplayChildren": True},
        },
    )
    found = {one["Id"]: one for one in answer["NewExecutionState"]["Operations"]}
    assert found["all"]["ContextDetails"] == {"ReplayChildren": True, "Result": ""}
    assert found["pay"]["Status"] == "PENDING"
    assert found["pay"]["ParentId"] == "all"
    assert found["pay"]["StepDetails"]["Error"] == {
        "ErrorType": "Busy",
        "ErrorMessage": "later",
        "StackTrace": ["here"],
    }
    pay, wait = found["pay"], found["w"]
    assert pay["StepDetails"]["NextAttemptTimestamp"] - pay["StartTimestamp"] == MINUTE * 10
    assert wait["WaitDetails"]["ScheduledEndTimestamp"] - wait["StartTimestamp"] == MINUTE
    assert found["cb"]["CallbackDetails"]["CallbackId"]
    assert found["sub"]["Status"] == "FAILED"
    refused = found["sub"]["ChainedInvokeDetails"]["Error"]
    assert refused["ErrorType"] == "ResourceNotFoundException"


def test_a_repeated_client_token_gets_the_same_answer(aws: Any, taken: Delivered) -> None:
    request = {
        "DurableExecutionArn": taken.arn,
        "CheckpointToken": taken.token,
        "ClientToken": "once",
        "Updates": [{**STEP, "Action": "START"}],
    }
    first, again = (aws.checkpoint_durable_execution(**request) for _ in range(2))
    del first["ResponseMetadata"], again["ResponseMetadata"]
    assert first == again


def test_the_checkpoint_that_closes_an_execution_withholds_the_token(
    aws: Any, taken: Delivered
) -> None:
    answer = checkpoint(
        aws, taken, {"Id": "result", "Type": "EXECUTION", "Action": "SUCCEED", "Payload": "1"}
    )
    assert "CheckpointToken" not in answer
    assert aws.get_durable_execution(DurableExecutionArn=taken.arn)["Result"] == "1"


def test_state_is_paged_and_needs_the_newest_token(aws: Any, taken: Delivered) -> None:
    updates = [{"Id": f"s{n}", "Type": "STEP", "Action": "START"} for n in range(4)]
    token = checkpoint(aws, taken, *updates)["CheckpointToken"]
    pages = aws.get_paginator("get_durable_execution_state").paginate(
        DurableExecutionArn=taken.arn,
        CheckpointToken=token,
        PaginationConfig={"PageSize": 2},
    )
    listed = [[operation["Id"] for operation in page["Operations"]] for page in pages]
    own_id = taken.arn.rpartition("/")[2]
    assert listed == [[own_id, "s0"], ["s1", "s2"], ["s3"]]
    with pytest.raises(
        aws.exceptions.InvalidParameterValueException, match="Invalid checkpoint token"
    ):
        aws.get_durable_execution_state(DurableExecutionArn=taken.arn, CheckpointToken=taken.token)
    everything = aws.get_durable_execution_state(
        DurableExecutionArn=taken.arn, CheckpointToken=token, MaxItems=0
    )
    assert len(everything["Operations"]) == 5


def test_get_tells_all_of_a_closed_execution(aws: Any, worker: RawWorker, taken: Delivered) -> None:
    running = aws.get_durable_execution(DurableExecutionArn=taken.arn)
    assert running["Status"] == "RUNNING"
    assert "EndTimestamp" not in running
    timeout = timedelta(seconds=3_600)
    assert running["ExpectedExecutionTimeoutTimestamp"] == running["StartTimestamp"] + timeout
    worker.succeed(taken, '"paid"')
    closed = aws.get_durable_execution(DurableExecutionArn=taken.arn)
    assert closed["Status"] == "SUCCEEDED"
    assert closed["DurableExecutionArn"] == taken.arn
    assert closed["DurableExecutionName"] == taken.arn.split("/")[2]
    assert closed["FunctionArn"].endswith(f":function:{worker.function}:$LATEST")
    assert closed["Version"] == "$LATEST"
    assert (closed["InputPayload"], closed["Result"]) == ('{"amount": 5}', '"paid"')
    assert closed["ExecutionDataIncluded"] is True
    assert closed["DurableConfig"] == {"ExecutionTimeout": 3_600, "RetentionPeriodInDays": 7}
    assert closed["EndTimestamp"] >= closed["StartTimestamp"]
    without = aws.get_durable_execution(DurableExecutionArn=taken.arn, IncludeExecutionData=False)
    assert without["ExecutionDataIncluded"] is False
    assert not {"InputPayload", "Result", "Error"} & set(without)


def test_history_is_the_log_with_data_unless_told_otherwise(
    aws: Any, worker: RawWorker, taken: Delivered
) -> None:
    checkpoint(aws, taken, {**STEP, "Action": "START"}, {**STEP, "Action": "SUCCEED"})
    worker.succeed(taken)
    events = aws.get_durable_execution_history(DurableExecutionArn=taken.arn)["Events"]
    assert [event["EventId"] for event in events] == [1, 2, 3, 4, 5]
    assert [event["EventType"] for event in events] == [
        "ExecutionStarted",
        "StepStarted",
        "StepSucceeded",
        "InvocationCompleted",
        "ExecutionSucceeded",
    ]
    assert events[1]["StepStartedDetails"] == {}
    assert events[3]["InvocationCompletedDetails"]["RequestId"] == taken.id
    assert events[4]["ExecutionSucceededDetails"] == {
        "Result": {"Payload": '"done"', "Truncated": False}
    }
    bare = aws.get_durable_execution_history(
        DurableExecutionArn=taken.arn, IncludeExecutionData=False
    )["Events"]
    assert bare[4]["ExecutionSucceededDetails"] == {"Result": {"Truncated": True}}


@pytest.mark.parametrize("reverse", [False, True])
def test_history_pages_in_both_directions(
    aws: Any, worker: RawWorker, taken: Delivered, reverse: bool
) -> None:
    checkpoint(aws, taken, {**STEP, "Action": "START"}, {**STEP, "Action": "SUCCEED"})
    worker.succeed(taken)
    pages = aws.get_paginator("get_durable_execution_history").paginate(
        DurableExecutionArn=taken.arn, ReverseOrder=reverse, PaginationConfig={"PageSize": 2}
    )
    listed = [[event["EventId"] for event in page["Events"]] for page in pages]
    assert listed == ([[5, 4], [3, 2], [1]] if reverse else [[1, 2], [3, 4], [5]])


def test_stop_ends_it_and_stop_again_tells_when_that_was(aws: Any, taken: Delivered) -> None:
    error = {"ErrorType": "Cancelled", "ErrorMessage": "by hand"}
    first = aws.stop_durable_execution(DurableExecutionArn=taken.arn, Error=error)
    again = aws.stop_durable_execution(DurableExecutionArn=taken.arn)
    assert first["StopTimestamp"] == again["StopTimestamp"]
    stopped = aws.get_durable_execution(DurableExecutionArn=taken.arn)
    assert (stopped["Status"], stopped["Error"]) == ("STOPPED", error)


class TestList:
    @pytest.fixture
    def names(self, aws: Any, worker: RawWorker) -> list[str]:
        """Three executions, oldest first: SUCCEEDED, STOPPED, RUNNING."""
        names = [f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("ok", "stopped", "open")]
        for name in names:
            started = aws.invoke(
                FunctionName=f"{worker.function}:$LATEST",
                InvocationType="Event",
                DurableExecutionName=name,
            )
            delivered = worker.take()
            if name.startswith("ok"):
                worker.succeed(delivered)
            elif name.startswith("stopped"):
                aws.stop_durable_execution(DurableExecutionArn=started["DurableExecutionArn"])
        return names

    def listed(self, aws: Any, worker: RawWorker, **filters: Any) -> list[str]:
        answer = aws.list_durable_executions_by_function(FunctionName=worker.function, **filters)
        return [one["DurableExecutionName"] for one in answer["DurableExecutions"]]

    def test_newest_come_first_unless_reversed(
        self, aws: Any, worker: RawWorker, names: list[str]
    ) -> None:
        assert self.listed(aws, worker) == names[::-1]
        assert self.listed(aws, worker, ReverseOrder=True) == names
        assert self.listed(aws, worker, MaxItems=0) == names[::-1]

    def test_statuses_are_ored_and_those_that_nothing_has_match_nothing(
        self, aws: Any, worker: RawWorker, names: list[str]
    ) -> None:
        assert self.listed(aws, worker, Statuses=["SUCCEEDED", "RUNNING"]) == [names[2], names[0]]
        for status in ("PAUSING", "PAUSED", "DELETING", "TIMED_OUT", "FAILED"):
            assert self.listed(aws, worker, Statuses=[status]) == []
        assert self.listed(aws, worker, Statuses=["PAUSED", "STOPPED"]) == [names[1]]

    def test_name_and_qualifier_are_exact(
        self, aws: Any, worker: RawWorker, names: list[str]
    ) -> None:
        assert self.listed(aws, worker, DurableExecutionName=names[1]) == [names[1]]
        assert self.listed(aws, worker, DurableExecutionName=names[1][:-1]) == []
        assert self.listed(aws, worker, Qualifier="$LATEST") == names[::-1]
        with pytest.raises(aws.exceptions.ResourceNotFoundException):
            self.listed(aws, worker, Qualifier="7")

    def test_the_start_window_is_kept(
        self, aws: Any, worker: RawWorker, names: list[str], http: httpx.Client
    ) -> None:
        answer = aws.list_durable_executions_by_function(FunctionName=worker.function)
        started = [one["StartTimestamp"] for one in answer["DurableExecutions"]]
        hour = timedelta(hours=1)
        window = {"StartedAfter": started[2] - hour, "StartedBefore": started[0] + hour}
        assert self.listed(aws, worker, **window) == names[::-1]
        assert self.listed(aws, worker, StartedAfter=started[0] + hour) == []
        assert self.listed(aws, worker, StartedBefore=started[2] - hour) == []
        path = f"/2025-12-01/functions/{worker.function}/durable-executions"
        between = http.get(path, params={"StartedAfter": started[1].timestamp()}).json()
        assert [one["DurableExecutionName"] for one in between["DurableExecutions"]] == [
            names[2],
            names[1],
        ]

    def test_pages_follow_each_other_and_markers_belong_to_their_list(
        self, aws: Any, worker: RawWorker, names: list[str]
    ) -> None:
        pages = aws.get_paginator("list_durable_executions_by_function").paginate(
            FunctionName=worker.function, PaginationConfig={"PageSize": 2}
        )
        listed = [
            [one["DurableExecutionName"] for one in page["DurableExecutions"]] for page in pages
        ]
        assert listed == [[names[2], names[1]], [names[0]]]
        marker = aws.list_durable_executions_by_function(FunctionName=worker.function, MaxItems=1)[
            "NextMarker"
        ]
        for other in ({"ReverseOrder": True}, {"Statuses": ["RUNNING"]}):
            with pytest.raises(
                aws.exceptions.InvalidParameterValueException, match="another request"
            ):
                self.listed(aws, worker, Marker=marker, **other)
