"""application/vnd.amazon.eventstream: the framing in which Lambda streams responses."""

from __future__ import annotations

import base64
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from pydantic_core import to_json

from perdure_service.application.invoke import InvokeAnswer
from perdure_service.domain.limits import MEBIBYTE

EVENT_STREAM = "application/vnd.amazon.eventstream"

_STRING = 7
_CHUNK_BYTES = MEBIBYTE
_U32 = struct.Struct(">I")


def response_stream(answer: InvokeAnswer) -> bytes:
    """The result in chunks, then how the call ended. An error comes with the end."""
    result = b"" if answer.function_error or answer.body is None else answer.body.encode()
    end = _message("InvokeComplete", "application/json", to_json(_end(answer)))
    return b"".join((*_chunks(result), end))


def _chunks(result: bytes) -> Iterator[bytes]:
    for first in range(0, len(result), _CHUNK_BYTES):
        chunk = result[first : first + _CHUNK_BYTES]
        yield _message("PayloadChunk", "application/octet-stream", chunk)


def _end(answer: InvokeAnswer) -> dict[str, Any]:
    end = {}
    if answer.function_error is not None:
        end = {"ErrorCode": answer.function_error, "ErrorDetails": answer.body or ""}
    if answer.log_tail is not None:
        end["LogResult"] = base64.b64encode(answer.log_tail).decode()
    return end


def _message(event_type: str, content_type: str, payload: bytes) -> bytes:
    """Lengths with their checksum, headers, payload, and the checksum of it all; big-endian."""
    headers = b"".join(
        _header(name, value)
        for name, value in (
            (":message-type", "event"),
            (":event-type", event_type),
            (":content-type", content_type),
        )
    )
    lengths = _U32.pack(len(headers) + len(payload) + 16) + _U32.pack(len(headers))
    checked = lengths + _U32.pack(zlib.crc32(lengths)) + headers + payload
    return checked + _U32.pack(zlib.crc32(checked))


def _header(name: str, value: str) -> bytes:
    return struct.pack(
        f">B{len(name)}sBH{len(value)}s",
        len(name),
        name.encode(),
        _STRING,
        len(value),
        value.encode(),
    )
