"""The work that a poll brings and what becomes of it."""

from __future__ import annotations

import json
import signal
import struct
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NewType

from perdure.worker.logging_config import DEFAULT, LoggingConfig

InvocationId = NewType("InvocationId", str)
"""A UUID; the function sees it as its request id."""

TIMED_OUT: Final = "Sandbox.Timedout"
EXIT_ERROR: Final = "Runtime.ExitError"

_LENGTH = struct.Struct(">I")


class Outcome(StrEnum):
    """How an invocation ended, as the service is told."""

    RETURNED = "returned"
    ERROR = "error"
    INIT_ERROR = "init-error"
    EXIT = "exit"
    TIMEOUT = "timeout"


class MalformedDelivery(Exception):
    """A poll's answer could not be read; the service gives its invocations to someone else."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """What a worker must be told of a function that it does not know by name; it always has code.
    `environment` is sorted by name. Under another `revision` everything may be different."""

    runtime: str
    environment: tuple[tuple[str, str], ...]
    revision: str


@dataclass(frozen=True, slots=True)
class Invocation:
    """One invocation to run. `code_sha256` is None where the live folder is to be run;
    `execution_id` is None for a plain one; `deployment` is None for functions that workers serve
    by name. With `log_tail`, its caller waits for the end of the log."""

    id: InvocationId
    function_name: str
    version: str
    function_arn: str
    code_sha256: str | None
    handler: str | None
    timeout_seconds: float
    trace_id: str | None
    tenant_id: str | None
    client_context: str | None
    payload: bytes
    memory_mb: int = 128
    execution_id: str | None = None
    logging: LoggingConfig = DEFAULT
    log_tail: bool = False
    deployment: Deployment | None = None


@dataclass(frozen=True, slots=True)
class Result:
    """The bytes that the function returned, or Lambda's error JSON. `log_tail` is the end of the
    log, if the invocation asked for it."""

    outcome: Outcome
    body: bytes
    log_tail: bytes | None = None


def decode_deliveries(body: bytes) -> list[Invocation]:
    """The frames of a poll's answer. Raises MalformedDelivery."""
    invocations: list[Invocation] = []
    offset = 0
    try:
        while offset < len(body):
            header, offset = _take(body, offset)
            payload, offset = _take(body, offset)
            invocations.append(_invocation(json.loads(header), payload))
    except (ValueError, KeyError, TypeError, struct.error) as error:
        raise MalformedDelivery(f"The service sent an invocation that is none: {error}") from error
    return invocations


def _take(body: bytes, offset: int) -> tuple[bytes, int]:
    (length,) = _LENGTH.unpack_from(body, offset)
    start = offset + _LENGTH.size
    if start + length > len(body):
        raise ValueError("it is cut short")
    return body[start : start + length], start + length


def _invocation(header: dict[str, Any], payload: bytes) -> Invocation:
    return Invocation(
        id=InvocationId(header["InvocationId"]),
        function_name=header["FunctionName"],
        version=header["Version"],
        function_arn=header["FunctionArn"],
        code_sha256=header["CodeSha256"],
        handler=header.get("Handler"),
        timeout_seconds=float(header["TimeoutSeconds"]),
        trace_id=header.get("TraceId"),
        tenant_id=header.get("TenantId"),
        client_context=header.get("ClientContext"),
        payload=payload,
        memory_mb=header.get("MemorySize") or 128,
        execution_id=header.get("ExecutionId"),
        logging=LoggingConfig.parse(header.get("LoggingConfig")),
        log_tail=header.get("LogTail") is True,
        deployment=_deployment(header) if header.get("Runtime") else None,
    )


def _deployment(header: dict[str, Any]) -> Deployment:
    if not isinstance(header["CodeSha256"], str):
        raise TypeError("a deployed function without code")
    return Deployment(
        runtime=header["Runtime"],
        environment=tuple(sorted((header.get("Environment") or {}).items())),
        revision=header.get("RevisionId") or "",
    )


def error_result(outcome: Outcome, error_type: str, message: str) -> Result:
    body = {"errorType": error_type, "errorMessage": message}
    return Result(outcome, json.dumps(body).encode())


def ended_early(id_: InvocationId, outcome: Outcome, error_type: str, reason: str) -> Result:
    """Of an invocation that the function did not end by itself, as Lambda says it."""
    return error_result(outcome, error_type, f"RequestId: {id_} Error: {reason}")


def timed_out(invocation: Invocation) -> Result:
    reason = timed_out_text(invocation.timeout_seconds)
    return ended_early(invocation.id, Outcome.TIMEOUT, TIMED_OUT, reason)


def timed_out_text(limit_seconds: float) -> str:
    return f"Task timed out after {limit_seconds:.2f} seconds"


def how_it_ended(status: int) -> str:
    """From the exit status of a process, as Lambda says it."""
    if status < 0:
        name = signal.strsignal(-status) or str(-status)
        return f"exited with error: signal: {name.lower()}"
    if status > 0:
        return f"exited with error: exit status {status}"
    return "exited without providing a reason"
