"""CheckpointDurableExecution and GetDurableExecutionState as bytes, without a library's cost."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote

from perdure.compact import compact_json
from perdure.http.http1 import Answer, Fields
from perdure.http.refusals import refusal
from perdure.service_api import ServiceCallFailed

JSON: Final[Fields] = ((b"content-type", b"application/json"),)

MAX_ANSWER_BYTES: Final = 64 * 1024 * 1024
"""A page of the state holds at least one operation, whose payload of 6 MiB may be spelled with six
bytes a character."""

AWAY: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Statuses that say nothing about the call: the same one may succeed in a moment."""

NO_VERDICT: Final = frozenset({401, 403, 404, 409})
"""Statuses of something between us and the service, or of a service that is being set up: an
execution must not fail by them."""

_decode = json.JSONDecoder().decode
_EXECUTIONS = b"/2025-12-01/durable-executions/"


@lru_cache(maxsize=1_024)
def execution_path(arn: str) -> bytes:
    """An invocation asks for the same one with every step."""
    return _EXECUTIONS + quote(arn, safe="").encode()


def checkpoint_target(arn: str) -> bytes:
    return execution_path(arn) + b"/checkpoint"


def checkpoint_body(token: str, updates: Sequence[Mapping[str, Any]], client_token: str) -> bytes:
    body = {"CheckpointToken": token, "ClientToken": client_token, "Updates": updates}
    return compact_json(body).encode()


def state_target(arn: str, token: str, marker: str, max_items: int) -> bytes:
    query = f"?CheckpointToken={quote(token, safe='')}&MaxItems={max_items}"
    if marker:
        query += f"&Marker={quote(marker, safe='')}"
    return execution_path(arn) + b"/state" + query.encode()


def read_document(answer: Answer) -> dict[str, Any]:
    """The JSON object of an answer. Raises ServiceCallFailed if it is a refusal, or no answer of
    this API."""
    if answer.status != 200:
        raise refusal(answer)
    try:
        document = _decode(answer.body.decode())
    except ValueError as error:
        raise ServiceCallFailed(f"The service answered something else than JSON: {error}") from None
    if not isinstance(document, dict):
        raise ServiceCallFailed("The service answered something else than a JSON object")
    return document
