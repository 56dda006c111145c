"""Concurrency, tags and account settings on the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import Field, TypeAdapter
from typing_extensions import TypedDict

from perdure_service.api.wire.text import parse_json
from perdure_service.domain.code_archive import MAX_CODE_BYTES, MAX_UNPACKED_BYTES
from perdure_service.ports.functions import AccountUsage

UNLIMITED = 2**31 - 1
"""What is shown where Lambda has a limit and this service has none."""


class ConcurrencyBody(TypedDict):
    ReservedConcurrentExecutions: Annotated[int, Field(ge=0, le=UNLIMITED)]


class TagsBody(TypedDict):
    Tags: dict[str, str]


CONCURRENCY_BODY = TypeAdapter(ConcurrencyBody)
TAGS_BODY = TypeAdapter(TagsBody)


def parse_concurrency(body: bytes) -> int:
    parsed: ConcurrencyBody = parse_json(CONCURRENCY_BODY, body)
    return parsed["ReservedConcurrentExecutions"]


def parse_tags(body: bytes) -> Mapping[str, str]:
    parsed: TagsBody = parse_json(TAGS_BODY, body)
    return parsed["Tags"]


def concurrency(limit: int | None) -> dict[str, int]:
    return {} if limit is None else {"ReservedConcurrentExecutions": limit}


def account_settings(usage: AccountUsage) -> dict[str, Any]:
    return {
        "AccountLimit": {
            "TotalCodeSize": UNLIMITED,
            "CodeSizeUnzipped": MAX_UNPACKED_BYTES,
            "CodeSizeZipped": MAX_CODE_BYTES,
            "ConcurrentExecutions": UNLIMITED,
            "UnreservedConcurrentExecutions": max(0, UNLIMITED - usage.reserved_concurrency),
        },
        "AccountUsage": {
            "TotalCodeSize": usage.code_bytes,
            "FunctionCount": usage.function_count,
        },
    }
