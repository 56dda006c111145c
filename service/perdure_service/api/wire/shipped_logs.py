"""What workers send of functions' logs: many lines in one body, so no more is checked than must
be."""

from __future__ import annotations

from typing import Annotated, Required

from pydantic import Field, StringConstraints, TypeAdapter
from typing_extensions import TypedDict

from perdure_service.api.wire.text import Uuid, parse_json
from perdure_service.domain.function_logs import (
    MAX_MESSAGE_BYTES,
    LogBatch,
    LogChunk,
    LogLine,
    check_group_name,
    check_stream_name,
)
from perdure_service.domain.ids import ExecutionId, InvocationId, WorkerId
from perdure_service.domain.instant import Instant
from perdure_service.domain.limits import MEBIBYTE

SHIPPED_BODY_BYTES = 16 * MEBIBYTE
"""A batch ends with the line that fills it, and each byte of it may be spelled with six."""

_LAST_MILLISECOND = 253_402_300_799_999

_At = Annotated[int, Field(ge=0, le=_LAST_MILLISECOND)]
_Message = Annotated[str, StringConstraints(max_length=MAX_MESSAGE_BYTES)]


class ChunkBody(TypedDict, total=False):
    LogGroup: Required[str]
    LogStream: Required[str]
    RequestId: Required[Uuid | None]
    ExecutionId: Required[Uuid | None]
    Lines: Required[list[tuple[_At, _Message]]]


class ShippedBody(TypedDict, total=False):
    Batch: Required[Annotated[int, Field(ge=1, le=2**53)]]
    Chunks: Required[list[ChunkBody]]


SHIPPED_BODY: TypeAdapter[ShippedBody] = TypeAdapter(ShippedBody)


def parse_shipped(worker: WorkerId, body: bytes) -> LogBatch:
    """Raises InvalidParameterValue."""
    parsed: ShippedBody = parse_json(SHIPPED_BODY, body)
    return LogBatch(
        chunks=[_chunk(chunk) for chunk in parsed["Chunks"]],
        source=worker,
        number=parsed["Batch"],
    )


def _chunk(body: ChunkBody) -> LogChunk:
    request_id, execution_id = body["RequestId"], body["ExecutionId"]
    request = None if request_id is None else InvocationId(request_id)
    execution = None if execution_id is None else ExecutionId(execution_id)
    return LogChunk(
        group=check_group_name(body["LogGroup"]),
        stream=check_stream_name(body["LogStream"]),
        lines=[
            LogLine(Instant(at_ms * 1000), message.encode(), request, execution)
            for at_ms, message in body["Lines"]
        ],
    )
