"""What is parsed at the edge has the constraints of Lambda's own model, as botocore ships it."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import pytest
from botocore.loaders import Loader
from pydantic import TypeAdapter

from perdure_service.api.wire import checkpoint, functions, pause, text
from perdure_service.api.wire.invoke import InvocationType, LogType
from perdure_service.domain.events import EventType
from perdure_service.domain.execution import ExecutionStatus
from perdure_service.domain.ids import EXECUTION_ARN_PATTERN
from perdure_service.domain.operations import Action, OperationType

MODEL = Loader().load_service_model("lambda", "service-2")["shapes"]

VALUES = {
    "NamespacedFunctionName": text.FunctionReference,
    "CallbackId": text.CallbackId,
    "OperationId": text.OperationId,
    "OperationName": text.OperationName,
    "OperationSubType": text.OperationSubType,
    "OperationPayload": text.OperationPayload,
    "CheckpointToken": text.CheckpointTokenText,
    "ClientToken": text.ClientToken,
    "DurableExecutionName": text.ExecutionName,
    "TenantId": text.TenantId,
    "XAmznTraceId": text.TraceId,
    "NumericLatestPublishedOrAliasQualifier": text.Qualifier,
    "StepOptionsNextAttemptDelaySecondsInteger": text.DelaySeconds,
    "WaitOptionsWaitSecondsInteger": text.DelaySeconds,
    "CallbackOptionsTimeoutSecondsInteger": checkpoint.CallbackSeconds,
    "CallbackOptionsHeartbeatTimeoutSecondsInteger": checkpoint.CallbackSeconds,
    "PauseReason": pause.Reason,
    "ResumeReason": pause.Reason,
    "Description": functions.Description,
    "MemorySize": functions.MemorySize,
}

LIMITS = {"minLength": "min", "maxLength": "max", "minimum": "min", "maximum": "max"}


def test_an_execution_arn_has_the_pattern_of_the_model() -> None:
    assert MODEL["DurableExecutionArn"]["pattern"] == EXECUTION_ARN_PATTERN


@pytest.mark.parametrize("name", VALUES)
def test_a_value_has_the_limits_and_the_pattern_of_the_model(name: str) -> None:
    ours, model = TypeAdapter(VALUES[name]).json_schema(), MODEL[name]
    limits = {LIMITS[key]: ours[key] for key in LIMITS if key in ours}
    if "minLength" not in ours and model["type"] == "string":
        limits["min"] = 0
    assert limits == {key: model[key] for key in ("min", "max") if key in model}
    pattern = ours.get("pattern")
    bare = None if pattern is None else pattern.removeprefix("^").removesuffix("$")
    assert bare in (model.get("pattern"), f"({model.get('pattern')})")


ENUMS: dict[str, type[StrEnum]] = {
    "OperationType": OperationType,
    "OperationAction": Action,
    "ExecutionStatus": ExecutionStatus,
    "EventType": EventType,
    "InvocationType": InvocationType,
    "LogType": LogType,
}


@pytest.mark.parametrize("name", ENUMS)
def test_an_enumeration_has_the_members_of_the_model(name: str) -> None:
    assert {member.value for member in ENUMS[name]} == set(MODEL[name]["enum"])


BODIES: dict[str, Any] = {
    "OperationUpdate": checkpoint.OperationUpdateBody,
    "ContextOptions": checkpoint.ContextOptions,
    "StepOptions": checkpoint.StepOptions,
    "WaitOptions": checkpoint.WaitOptions,
    "CallbackOptions": checkpoint.CallbackOptions,
    "ChainedInvokeOptions": checkpoint.ChainedInvokeOptions,
    "ErrorObject": text.ErrorObjectBody,
    "PauseDurableExecutionRequest": pause.PauseBody,
    "ResumeDurableExecutionRequest": pause.ResumeBody,
    "PublishVersionRequest": functions.PublishVersionBody,
    "DurableConfig": functions.DurableConfigBody,
}


@pytest.mark.parametrize("name", BODIES)
def test_a_body_has_the_members_of_the_model(name: str) -> None:
    schema, model = TypeAdapter(BODIES[name]).json_schema(), MODEL[name]
    in_body = {key for key, member in model["members"].items() if "location" not in member}
    assert set(schema["properties"]) == in_body
    assert set(schema.get("required", ())) == set(model.get("required", ())) & in_body
