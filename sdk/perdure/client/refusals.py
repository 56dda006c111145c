"""From an answer that says no to the exception that tells of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress

from perdure.client.errors import (
    AccessDenied,
    AlreadyStarted,
    CallbackTimedOut,
    Conflict,
    InvalidRequest,
    NotFound,
    NotServed,
    PreconditionFailed,
    Refused,
    ServiceFailed,
    Throttled,
    TooLarge,
)
from perdure.client.operation import Answer

_BY_CODE: Mapping[str, type[Refused]] = {
    "CallbackTimeoutException": CallbackTimedOut,
    "DurableExecutionAlreadyStartedException": AlreadyStarted,
    "ResourceNotFoundException": NotFound,
    "UnknownOperationException": NotServed,
    "ResourceConflictException": Conflict,
    "ResourceAlreadyExistsException": Conflict,
    "PreconditionFailedException": PreconditionFailed,
    "TooManyRequestsException": Throttled,
    "ThrottlingException": Throttled,
    "AccessDeniedException": AccessDenied,
    "UnrecognizedClientException": AccessDenied,
    "InvalidSignatureException": AccessDenied,
    "ExpiredTokenException": AccessDenied,
}
"""CloudWatch Logs tells its errors by code, all with status 400."""

_BY_STATUS: Mapping[int, type[Refused]] = {
    401: AccessDenied,
    403: AccessDenied,
    404: NotFound,
    409: Conflict,
    412: PreconditionFailed,
    413: TooLarge,
    429: Throttled,
}
_MAX_SHOWN_CHARACTERS = 500


def refusal(answer: Answer) -> Refused:
    document: object = None
    with suppress(ValueError):
        document = json.loads(answer.body)
    members = document if isinstance(document, dict) else {}
    told = answer.headers.get("x-amzn-errortype") or members.get("__type") or ""
    code = str(told).partition(":")[0].rpartition("#")[2]
    message = members.get("message") or members.get("Message")
    if not message:
        shown = answer.body[:_MAX_SHOWN_CHARACTERS].decode("utf-8", "replace").strip()
        message = f"status {answer.status}{f': {shown}' if shown else ''}"
    kind: type[Refused] = ServiceFailed if answer.status >= 500 else InvalidRequest
    kind = _BY_CODE.get(code) or _BY_STATUS.get(answer.status, kind)
    return kind(answer.status, code, str(message))
