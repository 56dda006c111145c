"""Every rule of checkpoints, broken over the wire: boto3 reads Lambda's text, the token holds."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from botocore.exceptions import ClientError

from perdure_service.domain.operations import OperationUpdate
from perdure_service.domain.shapes import error_shape
from tests.contract.by_hand import ByHand
from tests.contract.raw_worker import RawWorker
from tests.support.broken_rules import (
    BROKEN_RULES,
    RUNNING_ALREADY,
    SEVERAL_BROKEN_RULES,
    Case,
)

CASES = [*BROKEN_RULES, *SEVERAL_BROKEN_RULES]


@pytest.fixture
def target(http: httpx.Client, function: str) -> str:
    """A plain function, which chained invokes name."""
    worker = RawWorker(http, f"{function}-ship")
    assert worker.register(DurableConfig=None).status_code == 200
    return worker.function


@pytest.fixture
def run(aws: Any, worker: RawWorker, target: str) -> ByHand:
    run = ByHand.start(aws, worker)
    run.checkpoint(*(sent(update, target) for update in RUNNING_ALREADY))
    return run


@pytest.mark.parametrize("case", CASES, ids=[f"{n}: {case[0]}" for n, case in enumerate(CASES)])
def test_a_broken_rule_is_named_and_nothing_changes(run: ByHand, target: str, case: Case) -> None:
    message, updates = case
    before = run.history()
    with pytest.raises(ClientError) as refused:
        run.checkpoint(*(sent(update, target) for update in updates))
    answer = refused.value.response
    assert answer["Error"] == {"Code": "InvalidParameterValueException", "Message": message}
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 400
    assert run.history() == before
    assert "next" in run.checkpoint({"Id": "next", "Type": "STEP", "Action": "START"})


def sent(update: OperationUpdate, target: str) -> dict[str, Any]:
    """The update as boto3 takes it; whatever function it names is `target`."""
    options: dict[str, dict[str, Any]] = {
        "StepOptions": {"NextAttemptDelaySeconds": update.step_delay_seconds},
        "WaitOptions": {"WaitSeconds": update.wait_seconds},
        "ChainedInvokeOptions": {"FunctionName": update.function_name and target},
    }
    members: dict[str, Any] = {
        "Id": update.id,
        "Type": update.type.value,
        "Action": update.action.value,
        "ParentId": update.parent_id,
        "Name": update.name,
        "SubType": update.sub_type,
        "Payload": update.payload,
        "Error": None if update.error is None else error_shape(update.error),
        **{name: _given(option) for name, option in options.items()},
    }
    if update.has_step_options:
        members["StepOptions"] = _given(options["StepOptions"]) or {}
    return _given(members) or {}


def _given(members: dict[str, Any]) -> dict[str, Any] | None:
    return {name: value for name, value in members.items() if value is not None} or None
