"""An ordinary function."""

from __future__ import annotations

from typing import Any


def lambda_handler(event: Any, context: Any) -> Any:
    if isinstance(event, dict) and "fail" in event:
        raise RuntimeError(event["fail"])
    return {"echo": event, "version": context.function_version, "id": context.aws_request_id}
