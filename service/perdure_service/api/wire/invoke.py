"""Invoke: its headers and its payload."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints, TypeAdapter, ValidationError
from pydantic_core import from_json
from typing_extensions import TypedDict

from perdure_service.api.asgi import Answer, Headers
from perdure_service.api.wire.text import ExecutionName, FunctionReference, Qualifier, TenantId
from perdure_service.api.wire.violations import not_json, refusal, violation
from perdure_service.application.invoke import InvokeAnswer, InvokeRequest
from perdure_service.domain.errors import InvalidParameterValue, InvalidRequestContent
from perdure_service.domain.frozen import frozen

_MAX_CLIENT_CONTEXT_CHARACTERS = 3_583
_RETRY_ID = re.compile(r"[\x21-\x7E]{1,64}")

_MEMBERS = {
    b"x-amz-invocation-type": "InvocationType",
    b"x-amz-log-type": "LogType",
    b"x-amz-client-context": "ClientContext",
    b"x-amz-durable-execution-name": "DurableExecutionName",
    b"x-amz-tenant-id": "TenantId",
    b"x-amzn-trace-id": "TraceId",
    b"amz-sdk-invocation-id": "RetryId",
}


class InvocationType(StrEnum):
    EVENT = "Event"
    REQUEST_RESPONSE = "RequestResponse"
    DRY_RUN = "DryRun"


class LogType(StrEnum):
    NONE = "None"
    TAIL = "Tail"


class _InvokeMembers(TypedDict, total=False):
    FunctionName: FunctionReference
    Qualifier: Qualifier
    InvocationType: InvocationType
    LogType: LogType
    ClientContext: str
    DurableExecutionName: ExecutionName
    TenantId: TenantId
    TraceId: Annotated[str, StringConstraints(max_length=8192)]
    RetryId: str


_MEMBERS_ADAPTER = TypeAdapter(_InvokeMembers)


@frozen
class InvokeCall:
    type: InvocationType
    request: InvokeRequest


def parse_invoke(
    function: str, query: Mapping[str, str], headers: Headers, body: bytes
) -> InvokeCall:
    """Raises InvalidParameterValue for the model's constraints, InvalidRequestContent for a
    payload that is not JSON. No payload is an empty object."""
    given = {"FunctionName": function}
    if "Qualifier" in query:
        given["Qualifier"] = query["Qualifier"]
    for name, value in headers:
        member = _MEMBERS.get(name)
        if member is not None:
            given[member] = value.decode("latin-1")
    try:
        members = _MEMBERS_ADAPTER.validate_python(given)
    except ValidationError as invalid:
        raise refusal(invalid) from None
    type_ = members.get("InvocationType", InvocationType.REQUEST_RESPONSE)
    context = members.get("ClientContext")
    synchronous = type_ is InvocationType.REQUEST_RESPONSE
    return InvokeCall(
        type=type_,
        request=InvokeRequest(
            function=function,
            qualifier=members.get("Qualifier"),
            payload=_payload(body),
            synchronous=synchronous,
            execution_name=members.get("DurableExecutionName"),
            retry_id=_retry_id(members.get("RetryId")),
            trace_id=members.get("TraceId"),
            tenant_id=members.get("TenantId"),
            log_tail=synchronous and members.get("LogType") is LogType.TAIL,
            client_context=_client_context(context) if context and synchronous else None,
        ),
    )


def invoke_answer(call: InvokeCall, answer: InvokeAnswer) -> Answer:
    headers = [(b"x-amz-executed-version", answer.executed_version.encode())]
    if answer.execution_arn is not None:
        headers.append((b"x-amz-durable-execution-arn", answer.execution_arn.encode()))
    if answer.function_error is not None:
        headers.append((b"x-amz-function-error", answer.function_error.encode()))
    if answer.log_tail is not None:
        headers.append((b"x-amz-log-result", base64.b64encode(answer.log_tail)))
    if call.type is InvocationType.EVENT:
        return Answer(202, b"", tuple(headers))
    return Answer(200, b"null" if answer.body is None else answer.body.encode(), tuple(headers))


def _payload(body: bytes) -> str:
    if not body:
        return "{}"
    try:
        from_json(body, allow_inf_nan=False, cache_strings="none")
    except ValueError as broken:
        raise InvalidRequestContent(not_json(str(broken))) from None
    return body.decode()


def _retry_id(text: str | None) -> str | None:
    """The SDK's id of its call; what cannot be one is as good as none."""
    return text if text is not None and _RETRY_ID.fullmatch(text) else None


def _client_context(text: str) -> str:
    """The JSON that the function's context holds."""
    if len(text) > _MAX_CLIENT_CONTEXT_CHARACTERS:
        limit = _MAX_CLIENT_CONTEXT_CHARACTERS
        raise violation("clientContext", text, f"have length less than or equal to {limit}")
    try:
        decoded = base64.b64decode(text, validate=True)
        from_json(decoded, allow_inf_nan=False)
        return decoded.decode()
    except (binascii.Error, ValueError):
        raise InvalidParameterValue(
            "Client context must be a valid Base64-encoded JSON object."
        ) from None
