"""Every operation and every event, in the exact shape that boto3 reads, on all three ways: in the
answer to a checkpoint, in the state of a later invocation, and in history."""

from __future__ import annotations

import dataclasses
import re
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.contract.by_hand import ByHand, Operation
from tests.contract.raw_worker import DURABLE, RawWorker
from tests.support.waiting import eventually

ERROR = {"ErrorType": "Busy", "ErrorMessage": "later", "ErrorData": "{}", "StackTrace": ["a", "b"]}
STEP = {"Id": "s", "Type": "STEP", "Name": "pay", "SubType": "Step"}
CALLBACK = {"Id": "c", "Type": "CALLBACK", "Name": "ok", "SubType": "Callback"}
INVOKE = {"Id": "i", "Type": "CHAINED_INVOKE", "Name": "ship", "SubType": "ChainedInvoke"}
TIMES = {"EventTimestamp", "StartTimestamp", "EndTimestamp"}


@pytest.fixture
def run(aws: Any, worker: RawWorker) -> ByHand:
    return ByHand.start(aws, worker)


def bare(shape: dict[str, Any]) -> dict[str, Any]:
    """Without the times at its top, which must be there."""
    assert all(isinstance(shape[name], datetime) for name in TIMES & shape.keys())
    return {name: value for name, value in shape.items() if name not in TIMES}


def events_of(run: ByHand, id_: str) -> list[dict[str, Any]]:
    """The events of one operation, without times and ids."""
    own = [bare(event) for event in run.history() if event.get("Id") == id_]
    assert all(event.pop("EventId") and event.pop("Id") for event in own)
    return own


def find(operations: list[Operation], id_: str) -> Operation:
    (found,) = (operation for operation in operations if operation["Id"] == id_)
    return found


class TestSteps:
    def test_start_and_success(self, run: ByHand) -> None:
        shown = run.checkpoint({**STEP, "Action": "START"})["s"]
        assert bare(shown) == {**STEP, "Status": "STARTED", "StepDetails": {"Attempt": 0}}
        assert "EndTimestamp" not in shown
        # What an update leaves out keeps the value of its START.
        shown = run.checkpoint({"Id": "s", "Type": "STEP", "Action": "SUCCEED", "Payload": " 1 "})
        details = {"Attempt": 1, "Result": " 1 "}
        assert bare(shown["s"]) == {**STEP, "Status": "SUCCEEDED", "StepDetails": details}
        assert find(run.state(), "s") == shown["s"]
        named = {"Name": "pay", "SubType": "Step"}
        assert events_of(run, "s") == [
            {"EventType": "StepStarted", **named, "StepStartedDetails": {}},
            {
                "EventType": "StepSucceeded",
                **named,
                "StepSucceededDetails": {
                    "Result": {"Payload": " 1 ", "Truncated": False},
                    "RetryDetails": {"CurrentAttempt": 1},
                },
            },
        ]

    def test_a_success_may_have_no_result(self, run: ByHand) -> None:
        shown = run.checkpoint({"Id": "s", "Type": "STEP", "Action": "SUCCEED"})["s"]
        assert shown["StepDetails"] == {"Attempt": 1}
        (event,) = events_of(run, "s")
        assert event["StepSucceededDetails"]["Result"] == {"Truncated": False}

    def test_failure_retry_and_the_next_attempt(self, run: ByHand) -> None:
        shown = run.checkpoint(
            {**STEP, "Action": "START"},
            {
                **STEP,
                "Action": "RETRY",
                "Error": ERROR,
                "StepOptions": {"NextAttemptDelaySeconds": 1},
            },
        )["s"]
        due_at = shown["StepDetails"].pop("NextAttemptTimestamp")
        assert timedelta() <= due_at - shown["StartTimestamp"] - timedelta(seconds=1)
        details = {"Attempt": 1, "Error": ERROR}
        assert bare(shown) == {**STEP, "Status": "PENDING", "StepDetails": details}
        assert find(run.state(), "s")["StepDetails"].pop("NextAttemptTimestamp") == due_at
        ready = run.until("s", "READY")
        assert bare(ready) == {**STEP, "Status": "READY", "StepDetails": details}
        assert bare(find(run.state(), "s")) == bare(ready)
        again = run.checkpoint({**STEP, "Action": "START"})["s"]
        assert again["StepDetails"]["Attempt"] == 1
        failed = run.checkpoint({**STEP, "Action": "FAIL", "Error": ERROR})["s"]
        details = {"Attempt": 2, "Error": ERROR}
        assert bare(failed) == {**STEP, "Status": "FAILED", "StepDetails": details}
        assert failed["StartTimestamp"] == shown["StartTimestamp"]
        told = [
            (event["EventType"], event.get("StepFailedDetails")) for event in events_of(run, "s")
        ]
        error = {"Payload": ERROR, "Truncated": False}
        retried = {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1}
        assert told == [
            ("StepStarted", None),
            ("StepFailed", {"Error": error, "RetryDetails": retried}),
            ("StepStarted", None),
            ("StepFailed", {"Error": error, "RetryDetails": {"CurrentAttempt": 2}}),
        ]

    def test_the_state_of_a_condition_is_kept_through_ready_and_the_next_start(
        self, run: ByHand
    ) -> None:
        poll = {"Id": "s", "Type": "STEP", "SubType": "WaitForCondition"}
        options = {"StepOptions": {"NextAttemptDelaySeconds": 1}}
        shown = run.checkpoint({**poll, "Action": "RETRY", "Payload": "7", **options})["s"]
        assert (shown["Status"], shown["StepDetails"]["Result"]) == ("PENDING", "7")
        assert run.until("s", "READY")["StepDetails"] == {"Attempt": 1, "Result": "7"}
        shown = run.checkpoint({**poll, "Action": "START"})["s"]
        assert shown["StepDetails"] == {"Attempt": 1, "Result": "7"}
        retry = {"CurrentAttempt": 1, "NextAttemptDelaySeconds": 1}
        assert events_of(run, "s")[0] == {
            "EventType": "StepSucceeded",
            "SubType": "WaitForCondition",
            "StepSucceededDetails": {
                "Result": {"Payload": "7", "Truncated": False},
                "RetryDetails": retry,
            },
        }


class TestWaits:
    def test_a_wait_until_it_is_due(self, run: ByHand) -> None:
        wait = {"Id": "w", "Type": "WAIT", "Name": "nap", "SubType": "Wait"}
        shown = run.checkpoint({**wait, "Action": "START", "WaitOptions": {"WaitSeconds": 1}})["w"]
        due_at = shown["StartTimestamp"] + timedelta(seconds=1)
        details = {"ScheduledEndTimestamp": due_at}
        assert bare(shown) == {**wait, "Status": "STARTED", "WaitDetails": details}
        run = run.suspend()
        shown = find(run.state(), "w")
        assert bare(shown) == {**wait, "Status": "SUCCEEDED", "WaitDetails": details}
        assert shown["EndTimestamp"] >= due_at
        named = {"Name": "nap", "SubType": "Wait"}
        assert events_of(run, "w") == [
            {
                "EventType": "WaitStarted",
                **named,
                "WaitStartedDetails": {"Duration": 1, "ScheduledEndTimestamp": due_at},
            },
            {"EventType": "WaitSucceeded", **named, "WaitSucceededDetails": {"Duration": 1}},
        ]

    @pytest.mark.parametrize("error", [None, ERROR])
    def test_a_wait_that_is_cancelled(self, run: ByHand, error: dict[str, Any] | None) -> None:
        given = {} if error is None else {"Error": error}
        wait = {"Id": "w", "Type": "WAIT"}
        run.checkpoint({**wait, "Action": "START", "WaitOptions": {"WaitSeconds": 31_622_400}})
        shown = run.checkpoint({**wait, "Action": "CANCEL", **given})["w"]
        assert shown["Status"] == "CANCELLED"
        assert shown["EndTimestamp"]
        assert find(run.state(), "w") == shown
        details = {} if error is None else {"Error": {"Payload": error, "Truncated": False}}
        assert events_of(run, "w")[1] == {
            "EventType": "WaitCancelled",
            "WaitCancelledDetails": details,
        }


class TestCallbacks:
    def open(self, run: ByHand, **options: int) -> Operation:
        return run.checkpoint({**CALLBACK, "Action": "START", "CallbackOptions": options})["c"]

    def test_one_that_succeeds_while_the_function_runs(self, aws: Any, run: ByHand) -> None:
        shown = self.open(run, TimeoutSeconds=60, HeartbeatTimeoutSeconds=30)
        callback_id = shown["CallbackDetails"]["CallbackId"]
        details = {"CallbackId": callback_id}
        assert bare(shown) == {**CALLBACK, "Status": "STARTED", "CallbackDetails": details}
        aws.send_durable_execution_callback_success(CallbackId=callback_id, Result=b'"yes"')
        shown = run.checkpoint()["c"]
        details["Result"] = '"yes"'
        assert bare(shown) == {**CALLBACK, "Status": "SUCCEEDED", "CallbackDetails": details}
        assert find(run.state(), "c") == shown
        named = {"Name": "ok", "SubType": "Callback"}
        started = {"CallbackId": callback_id, "Timeout": 60, "HeartbeatTimeout": 30}
        assert events_of(run, "c") == [
            {"EventType": "CallbackStarted", **named, "CallbackStartedDetails": started},
            {
                "EventType": "CallbackSucceeded",
                **named,
                "CallbackSucceededDetails": {"Result": {"Payload": '"yes"', "Truncated": False}},
            },
        ]

    def test_one_that_fails(self, aws: Any, run: ByHand) -> None:
        callback_id = self.open(run)["CallbackDetails"]["CallbackId"]
        aws.send_durable_execution_callback_failure(CallbackId=callback_id, Error=ERROR)
        shown = run.checkpoint()["c"]
        details = {"CallbackId": callback_id, "Error": ERROR}
        assert bare(shown) == {**CALLBACK, "Status": "FAILED", "CallbackDetails": details}
        assert find(run.state(), "c") == shown
        started, failed = events_of(run, "c")
        assert started["CallbackStartedDetails"] == {"CallbackId": callback_id}
        assert failed["CallbackFailedDetails"] == {"Error": {"Payload": ERROR, "Truncated": False}}

    @pytest.mark.parametrize(
        ("option", "error"),
        [
            ("TimeoutSeconds", ("Callback.Timeout", "Callback timed out")),
            ("HeartbeatTimeoutSeconds", ("Callback.Heartbeat", "Callback timed out on heartbeat")),
        ],
    )
    def test_one_that_times_out(
        self, aws: Any, run: ByHand, option: str, error: tuple[str, str]
    ) -> None:
        callback_id = self.open(run, **{option: 1})["CallbackDetails"]["CallbackId"]
        shown = run.until("c", "TIMED_OUT")
        told = dict(zip(("ErrorType", "ErrorMessage"), error, strict=True))
        assert shown["CallbackDetails"] == {"CallbackId": callback_id, "Error": told}
        assert find(run.state(), "c") == shown
        assert events_of(run, "c")[1]["CallbackTimedOutDetails"] == {
            "Error": {"Payload": told, "Truncated": False}
        }
        for send in (
            aws.send_durable_execution_callback_success,
            aws.send_durable_execution_callback_failure,
            aws.send_durable_execution_callback_heartbeat,
        ):
            with pytest.raises(aws.exceptions.CallbackTimeoutException):
                send(CallbackId=callback_id)


class TestContexts:
    def test_one_that_keeps_its_children_and_one_that_fails(self, run: ByHand) -> None:
        context = {"Type": "CONTEXT", "SubType": "Map", "Name": "all"}
        one, other = {"Id": "one", **context}, {"Id": "other", **context}
        child = {"Id": "s", "Type": "STEP", "ParentId": "one", "Action": "SUCCEED"}
        lost = {"Id": "t", "Type": "STEP", "ParentId": "other", "Action": "SUCCEED"}
        shown = run.checkpoint(
            {**one, "Action": "START"},
            child,
            {**other, "Action": "START"},
            lost,
            {**other, "Action": "FAIL", "Error": ERROR},
        )
        assert bare(shown["one"]) == {**one, "Status": "STARTED", "ContextDetails": {}}
        failed = {**other, "Status": "FAILED", "ContextDetails": {"Error": ERROR}}
        assert bare(shown["other"]) == failed
        kept = {"Payload": "", "ContextOptions": {"ReplayChildren": True}}
        shown = run.checkpoint({**one, "Action": "SUCCEED", **kept})
        details = {"Result": "", "ReplayChildren": True}
        assert bare(shown["one"]) == {**one, "Status": "SUCCEEDED", "ContextDetails": details}
        assert [operation["Id"] for operation in run.state()[1:]] == ["one", "s", "other"]
        named = {"Name": "all", "SubType": "Map"}
        assert events_of(run, "one") == [
            {"EventType": "ContextStarted", **named, "ContextStartedDetails": {}},
            {
                "EventType": "ContextSucceeded",
                **named,
                "ContextSucceededDetails": {"Result": {"Payload": "", "Truncated": False}},
            },
        ]
        assert events_of(run, "other")[1] == {
            "EventType": "ContextFailed",
            **named,
            "ContextFailedDetails": {"Error": {"Payload": ERROR, "Truncated": False}},
        }
        assert events_of(run, "s")[0]["ParentId"] == "one"


class TestChainedInvokes:
    """The target is a function of its own, played by a worker of its own."""

    @pytest.fixture
    def target(self, http: httpx.Client, function: str) -> RawWorker:
        target = RawWorker(http, f"{function}-target")
        assert target.register().status_code == 200
        return target

    def start(self, run: ByHand, name: str, **options: str) -> Operation:
        return run.checkpoint(
            {
                **INVOKE,
                "Action": "START",
                "Payload": '{"n": 1}',
                "ChainedInvokeOptions": {"FunctionName": name, **options},
            }
        )["i"]

    def started(self, run: ByHand) -> dict[str, Any]:
        return dict(events_of(run, "i")[0]["ChainedInvokeStartedDetails"])

    def closing(self, run: ByHand) -> dict[str, Any]:
        event = events_of(run, "i")[1]
        assert event["Name"] == "ship"
        return event

    def test_one_that_succeeds(self, run: ByHand, target: RawWorker) -> None:
        name = f"{target.function}:$LATEST"
        trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=1"
        shown = self.start(run, name, TenantId="blue", XAmznTraceId=trace)
        assert bare(shown) == {**INVOKE, "Status": "STARTED", "ChainedInvokeDetails": {}}
        child = target.take()
        assert child.header["TenantId"] == "blue"
        assert child.header["TraceId"] == trace
        shown_child = run.aws.get_durable_execution(DurableExecutionArn=child.arn)
        assert shown_child["TraceHeader"] == {"XAmznTraceId": trace}
        assert shown_child["InputPayload"] == '{"n": 1}'
        assert self.started(run) == {
            "FunctionName": name,
            "TenantId": "blue",
            "Input": {"Payload": '{"n": 1}', "Truncated": False},
            "ExecutedVersion": "$LATEST",
            "DurableExecutionArn": child.arn,
        }
        target.succeed(child, '"sent"')
        done = run.until("i", "SUCCEEDED")
        assert done["ChainedInvokeDetails"] == {"Result": '"sent"'}
        assert find(run.state(), "i") == done
        assert self.closing(run)["ChainedInvokeSucceededDetails"] == {
            "Result": {"Payload": '"sent"', "Truncated": False}
        }

    def test_one_whose_child_is_stopped(self, run: ByHand, target: RawWorker) -> None:
        self.start(run, f"{target.function}:$LATEST")
        child = target.take()
        run.aws.stop_durable_execution(DurableExecutionArn=child.arn, Error=ERROR)
        done = run.until("i", "STOPPED")
        assert done["ChainedInvokeDetails"] == {"Error": ERROR}
        assert find(run.state(), "i") == done
        assert self.closing(run)["ChainedInvokeStoppedDetails"] == {
            "Error": {"Payload": ERROR, "Truncated": False}
        }

    def test_one_whose_child_times_out(self, run: ByHand, target: RawWorker) -> None:
        target.register(DurableConfig={**DURABLE, "ExecutionTimeout": 1})
        self.start(run, f"{target.function}:$LATEST")
        done = run.until("i", "TIMED_OUT")
        error = {
            "ErrorType": "ChainedInvoke.Timeout",
            "ErrorMessage": "CHAINED_INVOKE timed out after 1 seconds.",
        }
        assert done["ChainedInvokeDetails"] == {"Error": error}
        assert find(run.state(), "i") == done
        assert self.closing(run)["ChainedInvokeTimedOutDetails"] == {
            "Error": {"Payload": error, "Truncated": False}
        }

    def test_one_whose_target_does_not_exist(self, run: ByHand, function: str) -> None:
        name = f"{function}-nowhere:1"
        shown = self.start(run, name)
        assert shown["Status"] == "FAILED"
        error = shown["ChainedInvokeDetails"]["Error"]
        assert error["ErrorType"] == "ResourceNotFoundException"
        assert error["ErrorMessage"].startswith("Function not found: ")
        assert find(run.state(), "i") == shown
        assert self.started(run) == {"FunctionName": name}
        assert self.closing(run)["ChainedInvokeFailedDetails"] == {
            "Error": {"Payload": error, "Truncated": False}
        }

    def test_one_whose_durable_target_is_not_qualified(
        self, run: ByHand, target: RawWorker
    ) -> None:
        error = self.start(run, target.function)["ChainedInvokeDetails"]["Error"]
        assert error == {
            "ErrorType": "InvalidParameterValueException",
            "ErrorMessage": "You cannot invoke a durable function using an unqualified ARN.",
        }

    @pytest.mark.parametrize(
        ("target", "message"),
        [
            ("arn:aws:lambda:us-east-1:111111111111:function:x:1", "in another account."),
            ("arn:aws:lambda:eu-west-1:000000000000:function:x:1", "in another region."),
            ("arn:aws:lambda:us-east-1:x", "Invalid function ARN 'arn:aws:lambda:us-east-1:x'"),
            ("x y", "'updates.1.member.chainedInvokeOptions.functionName' failed to satisfy"),
        ],
    )
    def test_one_that_nobody_may_start_is_refused_with_the_whole_request(
        self, run: ByHand, target: str, message: str
    ) -> None:
        invalid = run.aws.exceptions.InvalidParameterValueException
        with pytest.raises(invalid, match=re.escape(message)):
            self.start(run, target)
        assert len(run.history()) == 1
        run.checkpoint({"Id": "s", "Type": "STEP", "Action": "START"})
        stale = dataclasses.replace(run, token=run.delivered.token)
        with pytest.raises(invalid, match=r"^.*: Invalid checkpoint token$"):
            stale.checkpoint(
                {
                    **INVOKE,
                    "Action": "START",
                    "ChainedInvokeOptions": {"FunctionName": target.replace(" ", "")},
                }
            )


class TestExecutions:
    """How one ends, as Get, History and List tell it."""

    def ended(self, run: ByHand) -> tuple[dict[str, Any], dict[str, Any]]:
        """What Get shows, and the last event; both agree about the time."""
        shown, (*_, last) = run.get(), run.history()
        assert last["EventTimestamp"] == shown["EndTimestamp"]
        assert last["Id"] == run.arn.rpartition("/")[2]
        assert last["Name"] == shown["DurableExecutionName"]
        (listed,) = run.aws.list_durable_executions_by_function(
            FunctionName=run.worker.function, Statuses=[shown["Status"]]
        )["DurableExecutions"]
        assert listed == {name: shown[name] for name in listed}
        return shown, last

    def test_one_that_fails(self, run: ByHand) -> None:
        run.checkpoint({"Id": "x", "Type": "EXECUTION", "Action": "FAIL", "Error": ERROR})
        shown, last = self.ended(run)
        assert (shown["Status"], shown["Error"]) == ("FAILED", ERROR)
        assert "Result" not in shown
        details = {"Error": {"Payload": ERROR, "Truncated": False}}
        assert last["ExecutionFailedDetails"] == details
        bare = run.history(IncludeExecutionData=False)[-1]
        assert bare["ExecutionFailedDetails"] == {"Error": {"Truncated": True}}

    def test_one_that_is_stopped(self, run: ByHand) -> None:
        answer = run.aws.stop_durable_execution(DurableExecutionArn=run.arn, Error=ERROR)
        shown, last = self.ended(run)
        assert (shown["Status"], shown["Error"]) == ("STOPPED", ERROR)
        assert shown["EndTimestamp"] == answer["StopTimestamp"]
        details = {"Error": {"Payload": ERROR, "Truncated": False}}
        assert last["ExecutionStoppedDetails"] == details

    def test_one_that_times_out(self, aws: Any, worker: RawWorker) -> None:
        worker.register(DurableConfig={**DURABLE, "ExecutionTimeout": 1})
        run = ByHand.unattended(aws, worker)
        eventually(lambda: run.get()["Status"] == "TIMED_OUT")
        shown, last = self.ended(run)
        error = {"ErrorMessage": "Execution timed out after 1 seconds."}
        assert shown["Error"] == error
        assert shown["EndTimestamp"] - shown["StartTimestamp"] >= timedelta(seconds=1)
        details = {"Error": {"Payload": error, "Truncated": False}}
        assert last["ExecutionTimedOutDetails"] == details

    def test_the_answer_that_closes_it_shows_it_closed(self, run: ByHand) -> None:
        shown = run.checkpoint({"Id": "x", "Type": "EXECUTION", "Action": "SUCCEED"})
        own_id = run.arn.rpartition("/")[2]
        assert bare(shown[own_id]) == {
            "Id": own_id,
            "Type": "EXECUTION",
            "Name": own_id,
            "Status": "SUCCEEDED",
            "ExecutionDetails": {},
        }

    def test_the_state_begins_with_the_execution_and_its_input(
        self, aws: Any, worker: RawWorker
    ) -> None:
        run = ByHand.start(aws, worker, Payload=b' {"a":1}', DurableExecutionName="one")
        (shown,) = run.state()
        assert bare(shown) == {
            "Id": run.arn.rpartition("/")[2],
            "Type": "EXECUTION",
            "Name": "one",
            "Status": "STARTED",
            "ExecutionDetails": {"InputPayload": ' {"a":1}'},
        }


def test_an_answer_too_large_for_one_page_goes_on_in_the_state(run: ByHand) -> None:
    """The next pages are asked for with the token of the very answer that they belong to."""
    ids = [f"s{n}" for n in range(7)]
    answer = run.aws.checkpoint_durable_execution(
        DurableExecutionArn=run.arn,
        CheckpointToken=run.token,
        Updates=[
            {"Id": id_, "Type": "STEP", "Action": "SUCCEED", "Payload": "x" * 1_048_576}
            for id_ in ids
        ],
    )
    page, run.token = answer["NewExecutionState"], answer["CheckpointToken"]
    listed = [operation["Id"] for operation in page["Operations"]]
    while marker := page.get("NextMarker"):
        page = run.aws.get_durable_execution_state(
            DurableExecutionArn=run.arn, CheckpointToken=run.token, Marker=marker, MaxItems=1_000
        )
        listed += [operation["Id"] for operation in page["Operations"]]
    assert listed == ids
