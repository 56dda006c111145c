"""The worker protocol: what agents send and are sent. Names are spelled as in Lambda's API."""

from __future__ import annotations

import struct
from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Required

from pydantic import Field, StringConstraints, TypeAdapter
from pydantic_core import to_json
from typing_extensions import TypedDict

from perdure_service.api.wire.functions import (
    DeadLetterConfigBody,
    DurableConfigBody,
    MemorySize,
    TimeoutSeconds,
    dead_letter_target,
)
from perdure_service.api.wire.text import WITHOUT_NUL, Uuid, parse_json
from perdure_service.application.function_requests import ServedFunction
from perdure_service.domain.decide_invocation import Failed, Returned
from perdure_service.domain.errors import InvalidParameterValue, InvalidRequestContent
from perdure_service.domain.execution import FailureKind
from perdure_service.domain.frozen import frozen
from perdure_service.domain.functions import DurableConfig, FunctionVersion, LoggingConfig
from perdure_service.domain.ids import LATEST, InvocationId, WorkerId, is_uuid
from perdure_service.domain.output import parse_runtime_error
from perdure_service.ports.workers import (
    Ended,
    Handed,
    Pool,
    PoolFree,
    WorkerCard,
    WorkerSessions,
)

INVOCATIONS = b"application/vnd.perdure.invocations"
POLL = "application/vnd.perdure.poll"

_PLAIN_TEXT = LoggingConfig()
_LENGTH = struct.Struct(">I")
_LONGEST_POLL_SECONDS = 60
_MAX_REPLACED = 100

_Name = Annotated[str, StringConstraints(min_length=1, max_length=256), WITHOUT_NUL]
_Slots = Annotated[int, Field(ge=0, le=10_000)]
_Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]


class FunctionRegistrationBody(TypedDict, total=False):
    FunctionName: Required[_Name]
    DurableConfig: Required[DurableConfigBody | None]
    Timeout: Required[TimeoutSeconds]
    MemorySize: Required[MemorySize]
    Runtime: Required[_Name]
    Handler: Required[_Name]
    CodeSha256: Required[_Sha256 | None]
    DeadLetterConfig: DeadLetterConfigBody | None


class PoolBody(TypedDict, total=False):
    Runtime: Required[_Name]
    Interpreter: Required[_Name]


class RegistrationBody(TypedDict, total=False):
    WorkerId: Required[Uuid]
    Host: Required[_Name]
    Pid: Required[Annotated[int, Field(ge=0, le=2**31 - 1)]]
    Functions: Required[list[FunctionRegistrationBody]]
    Held: Required[list[Uuid]]
    Replaces: Annotated[list[Uuid], Field(max_length=_MAX_REPLACED)] | None
    Pools: list[PoolBody] | None
    PoolConcurrency: _Slots | None


class PoolFreeBody(TypedDict, total=False):
    Total: Required[_Slots]
    Functions: dict[_Name, _Slots] | None


class ResultBody(TypedDict, total=False):
    InvocationId: Required[Uuid]
    Outcome: Required[str]


class PollBody(TypedDict, total=False):
    Free: Required[dict[_Name, _Slots]]
    PoolFree: PoolFreeBody | None
    Confirm: list[Uuid] | None
    Results: list[ResultBody] | None
    WaitSeconds: Required[Annotated[float, Field(ge=0, le=_LONGEST_POLL_SECONDS)]]


class HeartbeatBody(TypedDict, total=False):
    Held: Required[list[Uuid]]


REGISTRATION_BODY = TypeAdapter(RegistrationBody)
POLL_BODY = TypeAdapter(PollBody)
HEARTBEAT_BODY = TypeAdapter(HeartbeatBody)


@frozen
class Registration:
    card: WorkerCard
    functions: Sequence[ServedFunction]
    held: Sequence[InvocationId]
    replaces: Sequence[WorkerId]


@frozen
class Poll:
    free: Mapping[str, int]
    pool_free: PoolFree
    confirmed: Sequence[InvocationId]
    results: Sequence[Ended]
    wait_seconds: float


def worker_id(text: str) -> WorkerId:
    return WorkerId(_uuid(text, "worker id"))


def invocation_id(text: str) -> InvocationId:
    return InvocationId(_uuid(text, "invocation id"))


def parse_registration(body: bytes) -> Registration:
    parsed: RegistrationBody = parse_json(REGISTRATION_BODY, body)
    functions = [_served(function) for function in parsed["Functions"]]
    return Registration(
        card=WorkerCard(
            id=WorkerId(parsed["WorkerId"]),
            host=parsed["Host"],
            pid=parsed["Pid"],
            function_names=tuple(function.name for function in functions),
            pools=_pools(parsed.get("Pools") or ()),
            pool_concurrency=parsed.get("PoolConcurrency") or 0,
        ),
        functions=functions,
        held=_ids(parsed["Held"]),
        replaces=[WorkerId(id_) for id_ in parsed.get("Replaces") or ()],
    )


def registration_answer(
    workers: WorkerSessions, functions: Sequence[tuple[FunctionVersion, bool]]
) -> bytes:
    """`functions` with whether their code is missing."""
    return to_json(
        {
            "LeaseSeconds": workers.lease_seconds,
            "HeartbeatSeconds": workers.heartbeat_seconds,
            "Functions": [
                {
                    "FunctionName": version.function_name,
                    "FunctionArn": version.arn,
                    "CodeMissing": is_missing,
                }
                for version, is_missing in functions
            ],
        }
    )


def parse_poll(body: bytes, content_type: str | None) -> Poll:
    """JSON; or, as POLL, in frames: the JSON first, then the body of each of its `Results`."""
    bodies: list[bytes] = []
    if content_type == POLL:
        body, *bodies = _split_frames(body)
    parsed: PollBody = parse_json(POLL_BODY, body)
    results = parsed.get("Results") or ()
    if len(results) != len(bodies):
        raise InvalidRequestContent(
            f"A poll with {len(results)} Results and {len(bodies)} bodies: send one for each, as "
            f"{POLL}."
        )
    return Poll(
        parsed["Free"],
        _pool_free(parsed.get("PoolFree")),
        _ids(parsed.get("Confirm") or ()),
        [
            Ended(InvocationId(one["InvocationId"]), parse_outcome(one["Outcome"], result))
            for one, result in zip(results, bodies, strict=True)
        ],
        parsed["WaitSeconds"],
    )


def _split_frames(body: bytes) -> list[bytes]:
    """At least one. Each is its length as u32, big-endian, and so many bytes."""
    found: list[bytes] = []
    begin = at = 0
    try:
        while at < len(body) or not found:
            begin = at + _LENGTH.size
            at = begin + _LENGTH.unpack_from(body, at)[0]
            found.append(body[begin:at])
    except struct.error:
        at = len(body) + 1
    if at > len(body):
        raise InvalidRequestContent(f"The frames of a poll are cut short: send {POLL} whole.")
    return found


def parse_heartbeat(body: bytes) -> Sequence[InvocationId]:
    parsed: HeartbeatBody = parse_json(HEARTBEAT_BODY, body)
    return _ids(parsed["Held"])


def frames(handed: Sequence[Handed]) -> bytes:
    """Per invocation: u32 header length, header JSON, u32 payload length, payload; big-endian."""
    parts: list[bytes] = []
    for one in handed:
        header = to_json(_frame_header(one))
        parts += (_LENGTH.pack(len(header)), header, _LENGTH.pack(len(one.payload)), one.payload)
    return b"".join(parts)


def parse_outcome(outcome: str | None, body: bytes) -> Returned | Failed:
    """How an invocation ended. Whatever a runtime may have posted can be read; only an outcome
    that the protocol does not know raises InvalidParameterValue."""
    if outcome == "returned":
        return Returned.of(body)
    kind = _FAILURES.get(outcome or "")
    if kind is None:
        raise InvalidParameterValue(
            f"Unknown Perdure-Outcome '{outcome}': send returned, {', '.join(_FAILURES)}."
        )
    return Failed(kind, parse_runtime_error(body.decode("utf-8", "replace")))


_FAILURES = {
    "error": FailureKind.ERROR,
    "init-error": FailureKind.INIT,
    "exit": FailureKind.CRASH,
    "timeout": FailureKind.TIMEOUT,
}


def _frame_header(handed: Handed) -> dict[str, Any]:
    version, identity = handed.version, handed.identity
    header: dict[str, Any] = {
        "InvocationId": handed.invocation_id,
        "FunctionName": version.function_name,
        "Version": version.version,
        "FunctionArn": identity.function_arn,
        "CodeSha256": None if version.version == LATEST else version.code_sha256,
        "Handler": version.handler,
        "TimeoutSeconds": version.timeout_seconds,
        "TraceId": identity.trace_id,
        "TenantId": identity.tenant_id,
        "ClientContext": identity.client_context,
        "ExecutionId": identity.id,
        "MemorySize": version.memory_mb,
    }
    if version.deployed:
        header |= {
            "CodeSha256": version.code_sha256,
            "Runtime": version.runtime,
            "Environment": version.environment,
            "Durable": version.durable is not None,
            "RevisionId": version.revision_id,
        }
    if version.logging != _PLAIN_TEXT:
        header["LoggingConfig"] = {
            "LogGroup": version.logging.log_group,
            "LogFormat": version.logging.log_format,
            "ApplicationLogLevel": version.logging.application_log_level,
            "SystemLogLevel": version.logging.system_log_level,
        }
    if handed.log_tail:
        header["LogTail"] = True
    return header


def parse_log_tail(value: str | None) -> bytes | None:
    """The header of a result. Raises InvalidParameterValue."""
    try:
        return None if value is None else b64decode(value, validate=True)
    except ValueError:
        raise InvalidParameterValue("Perdure-Log-Tail must be base64.") from None


def _pools(bodies: Sequence[PoolBody]) -> tuple[Pool, ...]:
    pools = {body["Runtime"]: Pool(body["Runtime"], body["Interpreter"]) for body in bodies}
    if len(pools) < len(bodies):
        raise InvalidParameterValue("Pools names a Runtime twice: give each of them once.")
    return tuple(pools.values())


def _pool_free(body: PoolFreeBody | None) -> PoolFree:
    return PoolFree() if body is None else PoolFree(body["Total"], body.get("Functions") or {})


def _served(body: FunctionRegistrationBody) -> ServedFunction:
    durable = body["DurableConfig"]
    return ServedFunction(
        name=body["FunctionName"],
        durable=_durable(durable) if durable is not None else None,
        timeout_seconds=body["Timeout"],
        memory_mb=body["MemorySize"],
        runtime=body["Runtime"],
        handler=body["Handler"],
        code_sha256=body["CodeSha256"],
        dead_letter_target=dead_letter_target(body.get("DeadLetterConfig")),
    )


def _durable(body: DurableConfigBody) -> DurableConfig:
    timeout_seconds = body.get("ExecutionTimeout")
    if timeout_seconds is None:
        raise InvalidParameterValue("DurableConfig needs an ExecutionTimeout.")
    return DurableConfig(timeout_seconds, body.get("RetentionPeriodInDays") or 14)


def _ids(texts: Sequence[str]) -> tuple[InvocationId, ...]:
    return tuple(InvocationId(text) for text in texts)


def _uuid(text: str, what: str) -> str:
    if not is_uuid(text):
        raise InvalidParameterValue(f"'{text[:100]}' is not a {what}: give a UUID in lower case.")
    return text
