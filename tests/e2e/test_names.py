"""Named executions: who gets a new one, who the old one, and who is refused."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from tests.support.caller import Caller

FUNCTION = "workflows:$LATEST"
QUICK = {"workflow": "step", "value": 1}
LASTING = {"workflow": "wait", "seconds": 3_000}


def test_without_a_name_every_call_starts_an_execution(caller: Caller) -> None:
    assert caller.call(FUNCTION, QUICK).arn != caller.call(FUNCTION, QUICK).arn


def test_a_new_name_starts_an_execution_that_bears_it(caller: Caller, name: str) -> None:
    answer = caller.call(FUNCTION, QUICK, DurableExecutionName=name)
    assert answer.arn is not None
    assert f"/durable-execution/{name}/" in answer.arn
    assert caller.get(answer.arn)["DurableExecutionName"] == name


def test_an_open_one_is_found_again_by_its_name(caller: Caller, name: str) -> None:
    arn = caller.start(FUNCTION, LASTING, name=name)
    assert caller.start(FUNCTION, LASTING, name=name) == arn
    assert caller.history(arn)[0]["Name"] == name
    caller.client.stop_durable_execution(DurableExecutionArn=arn)


def test_a_second_caller_of_an_open_one_waits_for_its_result(caller: Caller, name: str) -> None:
    event = {"workflow": "wait", "seconds": 1}
    arn = caller.start(FUNCTION, event, name=name)
    answer = caller.call(FUNCTION, event, DurableExecutionName=name)
    assert (answer.arn, answer.json) == (arn, "rested")


def test_an_open_one_refuses_another_payload(caller: Caller, name: str) -> None:
    arn = caller.start(FUNCTION, LASTING, name=name)
    _assert_refused(caller, name, arn)
    caller.client.stop_durable_execution(DurableExecutionArn=arn)


def test_a_closed_one_gives_its_result_again_and_runs_nothing(caller: Caller, name: str) -> None:
    first = caller.call(FUNCTION, QUICK, DurableExecutionName=name)
    again = caller.call(FUNCTION, QUICK, DurableExecutionName=name)
    assert again == first
    assert again.arn is not None
    assert len(caller.history(again.arn)) == 5


def test_a_closed_one_refuses_another_payload(caller: Caller, name: str) -> None:
    answer = caller.call(FUNCTION, QUICK, DurableExecutionName=name)
    assert answer.arn is not None
    _assert_refused(caller, name, answer.arn)


def _assert_refused(caller: Caller, name: str, holder: str) -> None:
    with pytest.raises(ClientError) as refused:
        caller.start(FUNCTION, {"workflow": "step", "value": 2}, name=name)
    error = refused.value.response["Error"]
    assert error["Code"] == "DurableExecutionAlreadyStartedException"
    assert error["Message"] == f"Execution already started: {holder}"
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 409
