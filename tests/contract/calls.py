"""One call of each durable operation, as boto3 spells it, to be made against anything."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore import xform_name

NOBODY = (
    "arn:aws:lambda:us-east-1:000000000000:function:nobody:1"
    "/durable-execution/x/0197e0c3-2c40-7000-8000-000000000001"
)
MADE_UP = "QUJD"
"""Base64, but nothing that the service gave out."""


def calls(
    *,
    function: str = "nobody",
    qualifier: str = "1",
    arn: str = NOBODY,
    token: str = MADE_UP,
    callback_id: str = MADE_UP,
) -> Mapping[str, Mapping[str, Any]]:
    """The parameters of each operation, by its name."""
    execution, callback = {"DurableExecutionArn": arn}, {"CallbackId": callback_id}
    return {
        "Invoke": {"FunctionName": function, "Qualifier": qualifier, "InvocationType": "Event"},
        "CheckpointDurableExecution": {**execution, "CheckpointToken": token},
        "GetDurableExecutionState": {**execution, "CheckpointToken": token},
        "GetDurableExecution": execution,
        "GetDurableExecutionHistory": execution,
        "StopDurableExecution": execution,
        "PauseDurableExecution": execution,
        "ResumeDurableExecution": execution,
        "ListDurableExecutionsByFunction": {"FunctionName": function},
        "SendDurableExecutionCallbackSuccess": callback,
        "SendDurableExecutionCallbackFailure": callback,
        "SendDurableExecutionCallbackHeartbeat": callback,
        "DeleteDurableExecution": execution,
    }


def call(aws: Any, operation: str, parameters: Mapping[str, Any]) -> Any:
    return getattr(aws, xform_name(operation))(**parameters)
