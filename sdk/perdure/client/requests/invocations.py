"""Invoke, in its two manners."""

from __future__ import annotations

import base64
from typing import Any

from perdure.client.arguments import header_text, payload_bytes
from perdure.client.errors import FunctionFailed
from perdure.client.operation import Answer, Operation, Repeat, Request, query, segment
from perdure.client.requests import fresh_id
from perdure.client.results.error_object import runtime_error
from perdure.client.results.executions import Invocation, Started

LONGEST_INVOKE_SECONDS = 900.0
"""Lambda's limit for who waits."""


def invoke(
    function: str,
    event: Any = None,
    *,
    payload: bytes | None = None,
    qualifier: str | None = None,
    name: str | None = None,
    log_tail: bool = False,
    client_context: Any = None,
    tenant_id: str | None = None,
) -> Operation[Invocation]:
    """`payload` is sent as it is, in place of `event` as JSON."""
    headers = {"X-Amz-Invocation-Type": "RequestResponse"}
    if log_tail:
        headers["X-Amz-Log-Type"] = "Tail"
    if client_context is not None:
        encoded = base64.b64encode(payload_bytes("client_context", client_context, None))
        headers["X-Amz-Client-Context"] = encoded.decode()
    request = Request(
        "POST",
        _path(function),
        query(Qualifier=qualifier),
        {**headers, **_naming(name, tenant_id)},
        payload_bytes("event", event, payload),
        Repeat.ALWAYS if name is not None else Repeat.BY_INVOCATION_ID,
        wait_seconds=LONGEST_INVOKE_SECONDS,
    )
    return Operation(request, _invocation)


def start(
    function: str,
    event: Any = None,
    *,
    payload: bytes | None = None,
    qualifier: str | None = None,
    name: str | None = None,
    tenant_id: str | None = None,
) -> Operation[Started]:
    """The same `name` and payload again find the execution that is there; only then may a lost
    answer be asked for again."""
    request = Request(
        "POST",
        _path(function),
        query(Qualifier=qualifier),
        {"X-Amz-Invocation-Type": "Event", **_naming(name, tenant_id)},
        payload_bytes("event", event, payload),
        Repeat.ALWAYS if name is not None else Repeat.UNLESS_DONE,
    )
    return Operation(request, _started)


def dry_run(function: str, *, qualifier: str | None = None) -> Operation[None]:
    headers = {"X-Amz-Invocation-Type": "DryRun"}
    request = Request("POST", _path(function), query(Qualifier=qualifier), headers)
    return Operation(request, lambda answer: None)


def _path(function: str) -> str:
    return f"/2015-03-31/functions/{segment(function)}/invocations"


def _naming(name: str | None, tenant_id: str | None) -> dict[str, str]:
    headers = {"amz-sdk-invocation-id": fresh_id(), "Content-Type": "application/octet-stream"}
    if name is not None:
        headers["X-Amz-Durable-Execution-Name"] = header_text("name", name)
    if tenant_id is not None:
        headers["X-Amz-Tenant-Id"] = header_text("tenant_id", tenant_id)
    return headers


def _invocation(answer: Answer) -> Invocation:
    arn = answer.headers.get("x-amz-durable-execution-arn")
    log = answer.headers.get("x-amz-log-result")
    tail = None if log is None else base64.b64decode(log).decode("utf-8", "replace")
    invocation = Invocation(answer.body, answer.headers.get("x-amz-executed-version"), arn, tail)
    if "x-amz-function-error" in answer.headers:
        raise FunctionFailed(runtime_error(invocation.value), arn, tail)
    return invocation


def _started(answer: Answer) -> Started:
    return Started(
        answer.headers.get("x-amz-durable-execution-arn"),
        answer.headers.get("x-amz-executed-version"),
    )
