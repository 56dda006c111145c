"""The order example on AWS's SDK: what runs, and exactly what history tells."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from aws_durable_execution_sdk_python.serdes import serialize

from tests.support.caller import Caller, Event

EVENT = {"orderId": "order-1", "waitSeconds": 1}
COMPLETED = {
    "orderId": "order-1",
    "status": "completed",
    "steps": [
        {"orderId": "order-1", "status": "validated"},
        {"orderId": "order-1", "status": "paid", "amount": 99.99},
        {"orderId": "order-1", "status": "confirmed"},
    ],
}


def test_an_order_gives_its_result_to_the_caller_who_waits(caller: Caller) -> None:
    answer = caller.call("order:$LATEST", EVENT)
    assert answer.json == COMPLETED
    assert (answer.status, answer.error, answer.version) == (200, None, "$LATEST")
    assert answer.arn is not None
    execution = caller.get(answer.arn)
    assert execution["Status"] == "SUCCEEDED"
    assert json.loads(execution["Result"]) == COMPLETED
    assert json.loads(execution["InputPayload"]) == EVENT


def test_the_history_of_an_order_event_by_event(caller: Caller) -> None:
    arn = caller.start("order:$LATEST", EVENT)
    caller.until_closed(arn)
    history = caller.history(arn)
    execution_id = arn.rpartition("/")[2]
    assert [_facts(event) for event in history] == [
        {
            "EventType": "ExecutionStarted",
            "Id": execution_id,
            "Name": execution_id,
            "ExecutionStartedDetails": {
                "Input": {"Payload": json.dumps(EVENT), "Truncated": False},
                "ExecutionTimeout": 86_400,
            },
        },
        _step_started("validate"),
        _step_succeeded("validate", COMPLETED["steps"][0]),
        _step_started("pay"),
        _step_succeeded("pay", COMPLETED["steps"][1]),
        {
            "EventType": "WaitStarted",
            "SubType": "Wait",
            "Name": "warehouse",
            "WaitStartedDetails": {"Duration": 1},
        },
        {"EventType": "InvocationCompleted", "InvocationCompletedDetails": {}},
        {
            "EventType": "WaitSucceeded",
            "SubType": "Wait",
            "Name": "warehouse",
            "WaitSucceededDetails": {"Duration": 1},
        },
        _step_started("confirm"),
        _step_succeeded("confirm", COMPLETED["steps"][2]),
        {"EventType": "InvocationCompleted", "InvocationCompletedDetails": {}},
        {
            "EventType": "ExecutionSucceeded",
            "Id": execution_id,
            "Name": execution_id,
            "ExecutionSucceededDetails": {
                "Result": {"Payload": json.dumps(COMPLETED), "Truncated": False}
            },
        },
    ]
    ids = [event.get("Id") for event in history]
    assert ids[1:6:2] == [*ids[2:6:2], ids[7]], "an operation keeps its id"
    assert len(set(ids[1:11])) == 5, "four operations, and invocations without an id"
    _check_times(history)


def _check_times(history: list[Event]) -> None:
    times = [event["EventTimestamp"] for event in history]
    assert times == sorted(times)
    wait, over = history[5], history[7]
    due_at = wait["WaitStartedDetails"]["ScheduledEndTimestamp"]
    assert due_at == wait["EventTimestamp"] + timedelta(seconds=1)
    assert over["EventTimestamp"] >= due_at
    first, second = (history[n]["InvocationCompletedDetails"] for n in (6, 10))
    assert first["RequestId"] != second["RequestId"]
    for invocation in (first, second):
        assert invocation["StartTimestamp"] < invocation["EndTimestamp"]
    assert first["EndTimestamp"] == times[6]


def _facts(event: Event) -> dict[str, Any]:
    """The event without ids of operations and times, which differ each time."""
    facts: dict[str, Any] = {**event}
    for key in ("EventId", "EventTimestamp"):
        del facts[key]
    if not facts["EventType"].startswith("Execution"):
        facts.pop("Id", None)
    details = f"{facts['EventType']}Details"
    facts[details] = {
        key: value
        for key, value in facts[details].items()
        if key not in ("ScheduledEndTimestamp", "StartTimestamp", "EndTimestamp", "RequestId")
    }
    return facts


def _step_started(name: str) -> dict[str, Any]:
    return {
        "EventType": "StepStarted",
        "SubType": "Step",
        "Name": name,
        "StepStartedDetails": {},
    }


def _step_succeeded(name: str, result: object) -> dict[str, Any]:
    return {
        "EventType": "StepSucceeded",
        "SubType": "Step",
        "Name": name,
        "StepSucceededDetails": {
            "Result": {"Payload": serialize(None, result, "", ""), "Truncated": False},
            "RetryDetails": {"CurrentAttempt": 1},
        },
    }
