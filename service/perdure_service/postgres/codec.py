"""Events and executions as rows."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

from perdure_service.domain.events import (
    Attempt,
    CallbackOpened,
    ChainedTarget,
    ContextClosed,
    Event,
    EventDetail,
    EventType,
    ExecutionTimeout,
    InvocationSpan,
    PauseAsked,
    ResumeAsked,
    WaitTimes,
)
from perdure_service.domain.execution import (
    FailureKind,
    Failures,
    Held,
    Identity,
    InvocationState,
    InvokeMode,
    Ledger,
    ParentLink,
    Queued,
    Running,
    Sight,
)
from perdure_service.domain.ids import ExecutionId, FunctionVersionId, InvocationId, WorkerId
from perdure_service.domain.instant import Instant
from perdure_service.domain.operations import ErrorObject
from perdure_service.domain.pauses import Pausing
from perdure_service.domain.recent_requests import RecentRequest, RequestKind

_DETAIL_TYPES: Mapping[EventType, type[Any]] = {
    EventType.EXECUTION_STARTED: ExecutionTimeout,
    EventType.EXECUTION_PAUSED: PauseAsked,
    EventType.EXECUTION_RESUMED: ResumeAsked,
    EventType.CONTEXT_SUCCEEDED: ContextClosed,
    EventType.WAIT_STARTED: WaitTimes,
    EventType.WAIT_SUCCEEDED: WaitTimes,
    EventType.STEP_SUCCEEDED: Attempt,
    EventType.STEP_FAILED: Attempt,
    EventType.CALLBACK_STARTED: CallbackOpened,
    EventType.CHAINED_INVOKE_STARTED: ChainedTarget,
    EventType.INVOCATION_COMPLETED: InvocationSpan,
}
_FIELDS: Mapping[type[Any], tuple[str, ...]] = {
    type_: tuple(field.name for field in fields(type_)) for type_ in _DETAIL_TYPES.values()
}
_EVENT_TYPES = {type_.value: type_ for type_ in EventType}
_encode_json = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

EVENT_COLUMNS = (
    "event_id, type, at, operation_id, parent_id, name, sub_type, payload, error, detail"
)


@lru_cache(maxsize=1_024)
def encode_detail(detail: EventDetail | None) -> str | None:
    """The detail's members as a JSON object, None left out."""
    if detail is None:
        return None
    members = ((name, getattr(detail, name)) for name in _FIELDS[type(detail)])
    return _encode_json({name: value for name, value in members if value is not None})


def encode_error(error: ErrorObject | None) -> bytes | None:
    if error is None:
        return None
    return _encode_json([error.message, error.type, error.data, error.stack_trace]).encode()


def decode_error(raw: bytes | None) -> ErrorObject | None:
    if raw is None:
        return None
    message, type_, data, trace = json.loads(raw)
    return ErrorObject(message, type_, data, None if trace is None else tuple(trace))


def decode_event(row: Sequence[Any]) -> Event:
    """From a row of EVENT_COLUMNS."""
    id_, type_, at, operation_id, parent_id, name, sub_type, payload, error, detail = row
    event_type = _EVENT_TYPES[type_]
    detail_type = _DETAIL_TYPES.get(event_type)
    return Event(
        id=id_,
        type=event_type,
        at=at,
        operation_id=operation_id,
        parent_id=parent_id,
        name=name,
        sub_type=sub_type,
        payload=None if payload is None else bytes(payload).decode(),
        error=decode_error(error),
        detail=None if detail is None or detail_type is None else _detail(detail_type, detail),
    )


def _detail(type_: type[Any], members: Mapping[str, Any]) -> EventDetail:
    detail: EventDetail = type_(**{name: members.get(name) for name in _FIELDS[type_]})
    return detail


def encode_failures(failures: Failures | None) -> str | None:
    if failures is None:
        return None
    error = encode_error(failures.error)
    assert error is not None
    return _encode_json(
        {
            "count": failures.count,
            "kind": failures.kind.value,
            "streak": failures.streak,
            "error": error.decode(),
        }
    )


def _decode_failures(members: Mapping[str, Any] | None) -> Failures | None:
    if members is None:
        return None
    error = decode_error(members["error"].encode())
    assert error is not None
    return Failures(members["count"], FailureKind(members["kind"]), members["streak"], error)


def encode_pausing(pausing: Pausing | None) -> str | None:
    """The reason is JSON within JSON: jsonb cannot hold U+0000, and its escape can be escaped."""
    if pausing is None:
        return None
    reason = None if pausing.reason is None else _encode_json(pausing.reason)
    return _encode_json([pausing.requested_at, pausing.execution_timeout_paused, reason])


def _decode_pausing(members: Sequence[Any] | None) -> Pausing | None:
    if members is None:
        return None
    requested_at, execution_timeout_paused, reason = members
    text = None if reason is None else json.loads(reason)
    return Pausing(Instant(requested_at), execution_timeout_paused, text)


def encode_requests(requests: Sequence[RecentRequest]) -> str | None:
    if not requests:
        return None
    return _encode_json([[r.kind, r.client_token, r.fingerprint, r.at] for r in requests])


def _decode_requests(members: Sequence[Sequence[Any]] | None) -> tuple[RecentRequest, ...]:
    return tuple(
        RecentRequest(RequestKind(kind), client_token, fingerprint, Instant(at))
        for kind, client_token, fingerprint, at in members or ()
    )


IDENTITY_COLUMNS = (
    "id, account, region, function_name, function_version, qualifier, function_version_id, name, "
    "started_at, timeout_seconds, retention_days, durable, mode, parent_id, parent_operation_id, "
    "trace_id, tenant_id, client_context, dead_letter_target"
)
LEDGER_COLUMNS = (
    "version, nonce, ticked_at, invocation_ready_at, invocation_worker_id, invocation_started_at, "
    "invocation_claimed_event_id, invocation_id, token_seq, token_nonce, seen_event_id, seen_now, "
    "previously_seen_event_id, previously_seen_now, client_token, failures, "
    "suspended_event_id, suspended_now, invocation_retries, "
    "invocation_held_at, token_withheld, pausing, requests, deletion_requested_at"
)
IDENTITY_WIDTH = IDENTITY_COLUMNS.count(",") + 1
LEDGER_WIDTH = LEDGER_COLUMNS.count(",") + 1


def decode_identity(row: Sequence[Any]) -> Identity:
    """From IDENTITY_COLUMNS."""
    return Identity(
        id=ExecutionId(row[0]),
        account=row[1],
        region=row[2],
        function_name=row[3],
        version=row[4],
        qualifier=row[5],
        function_version_id=FunctionVersionId(row[6]),
        name=row[7],
        started_at=row[8],
        timeout_seconds=row[9],
        retention_days=row[10],
        durable=row[11],
        mode=InvokeMode(row[12]),
        parent=ParentLink(ExecutionId(row[13]), row[14]) if row[13] is not None else None,
        trace_id=row[15],
        tenant_id=row[16],
        client_context=row[17],
        dead_letter_target=row[18],
    )


def decode_ledger(row: Sequence[Any]) -> Ledger:
    """From LEDGER_COLUMNS."""
    invocation_id = None if row[7] is None else InvocationId(row[7])
    invocation: InvocationState | None = None
    if row[3] is not None:
        invocation = Queued(row[3])
    elif row[19] is not None:
        invocation = Held(row[19])
    elif row[4] is not None and invocation_id is not None:
        invocation = Running(invocation_id, WorkerId(row[4]), row[5], row[6])
    return Ledger(
        version=row[0],
        nonce=row[1],
        ticked_at=row[2],
        invocation=invocation,
        invocation_id=invocation_id,
        token_seq=row[8],
        token_nonce=row[9],
        seen=Sight(row[10], row[11]),
        previously_seen=Sight(row[12], row[13]),
        client_token=row[14],
        failures=_decode_failures(row[15]),
        suspended=Sight(row[16], row[17]),
        invocation_retries=row[18],
        token_withheld=row[20],
        pausing=_decode_pausing(row[21]),
        requests=_decode_requests(row[22]),
        deletion_requested_at=row[23],
    )
