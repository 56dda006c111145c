"""What somebody outside tells an execution that waits for it."""

from __future__ import annotations

from typing import Any

from perdure.client.arguments import error_body, payload_bytes
from perdure.client.operation import JSON_TYPE, Operation, Request, nothing, segment
from perdure.client.results.error_object import ErrorObject


def succeed(
    callback_id: str, result: Any = None, *, payload: bytes | None = None
) -> Operation[None]:
    """`payload` is sent as it is, in place of `result` as JSON."""
    body = payload_bytes("result", result, payload)
    return _tell(callback_id, "succeed", body, "application/octet-stream")


def fail(callback_id: str, error: ErrorObject | None = None) -> Operation[None]:
    return _tell(callback_id, "fail", error_body(error), JSON_TYPE)


def heartbeat(callback_id: str) -> Operation[None]:
    return _tell(callback_id, "heartbeat", b"", JSON_TYPE)


def _tell(callback_id: str, verb: str, body: bytes, content_type: str) -> Operation[None]:
    path = f"/2025-12-01/durable-execution-callbacks/{segment(callback_id)}/{verb}"
    return Operation(
        Request("POST", path, headers={"Content-Type": content_type}, body=body), nothing
    )
