"""What a durable function may answer and what not, without an SDK: the event says what."""

from __future__ import annotations

import json
from typing import Any


def lambda_handler(event: dict[str, Any], context: Any) -> Any:
    (execution, *_) = event["InitialExecutionState"]["Operations"]
    return json.loads(execution["ExecutionDetails"]["InputPayload"])["output"]
