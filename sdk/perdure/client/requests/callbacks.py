"""What somebody outside tells an execution that waits for it."""

from __future__ import annotations

import json
from typing import Any

from perdure.client.operation import JSON_TYPE, Operation, Request, json_body, nothing, segment
from perdure.client.results.error_object import ErrorObject


def succeed(
    callback_id: str, result: Any = None, *, payload: bytes | None = None
) -> Operation[None]:
    """`payload` is sent as it is, in place of `result` as JSON."""
    body = json.dumps(result).encode() if payload is None else payload
    return _tell(callback_id, "succeed", body, "application/octet-stream")


def fail(callback_id: str, error: ErrorObject | None = None) -> Operation[None]:
    body = b"" if error is None else json_body(error.to_wire())
    return _tell(callback_id, "fail", body, JSON_TYPE)


def heartbeat(callback_id: str) -> Operation[None]:
    return _tell(callback_id, "heartbeat", b"", JSON_TYPE)


def _tell(callback_id: str, verb: str, body: bytes, content_type: str) -> Operation[None]:
    path = f"/2025-12-01/durable-execution-callbacks/{segment(callback_id)}/{verb}"
    return Operation(
        Request("POST", path, headers={"Content-Type": content_type}, body=body), nothing
    )
