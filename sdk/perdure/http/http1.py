"""HTTP/1.1 framing on asyncio streams: what a runtime, the agent and the service need, no more.

Bytes go through as they came. An HTTP library per hop costs milliseconds an invocation; this
costs tens of microseconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

MAX_HEAD_BYTES = 2 * 1024 * 1024
"""Runtimes send an error's cause, up to 1 MiB, as a header."""
MAX_BODY_BYTES = 32 * 1024 * 1024

_DISCARD_BYTES = 64 * 1024 * 1024
_CHUNK_BYTES = 64 * 1024
_ONE_PACKET_BYTES = 64 * 1024
_HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"content-length",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)

Fields = tuple[tuple[bytes, bytes], ...]
"""Header fields in order; names in lower case."""


class Reader(Protocol):
    """What is asked of a connection; asyncio's StreamReader is one."""

    async def readuntil(self, separator: bytes = b"\n") -> bytes: ...
    async def readexactly(self, n: int) -> bytes: ...
    async def read(self, n: int = -1) -> bytes: ...


class BadMessage(Exception):
    """The peer does not speak HTTP/1.1; the connection is of no more use."""


class BodyTooLarge(BadMessage):
    """A body passed its limit; what there was of it has been read and thrown away."""


@dataclass(frozen=True, slots=True)
class Request:
    method: bytes
    target: bytes
    fields: Fields
    body: bytes
    closes: bool


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    fields: Fields
    body: bytes
    closes: bool = False


def field(fields: Fields, name: bytes) -> bytes | None:
    """The first value of a field; `name` in lower case."""
    for key, value in fields:
        if key == name:
            return value
    return None


def end_to_end(fields: Fields) -> Fields:
    """Without what belongs to one connection: framing is stated anew on the next."""
    return tuple(pair for pair in fields if pair[0] not in _HOP_BY_HOP)


async def read_request(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    *,
    max_body_bytes: int = MAX_BODY_BYTES,
) -> Request | None:
    """The next request, or None if the peer closed instead. Raises BadMessage, ConnectionError."""
    try:
        block = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if error.partial:
            raise BadMessage("The connection ended within a request's head") from error
        return None
    except asyncio.LimitOverrunError as error:
        raise BadMessage(f"A request's head passes {MAX_HEAD_BYTES} bytes") from error
    start, fields = _parse_head(block)
    parts = start.split(b" ")
    if len(parts) != 3 or not parts[2].startswith(b"HTTP/1."):
        raise BadMessage("No HTTP/1.1 request line")
    if (expected := field(fields, b"expect")) and expected.lower() == b"100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    body = b""
    if _is_chunked(fields):
        body = await _read_chunked(reader, max_body_bytes)
    elif (length := _content_length(fields)) is not None:
        body = await _read_sized(reader, length, max_body_bytes)
    return Request(parts[0], parts[1], fields, body, _closes(parts[2], fields))


async def read_answer(reader: Reader, *, max_body_bytes: int) -> Answer:
    """Raises BadMessage or ConnectionError; both leave the outcome of the request unknown."""
    while True:
        try:
            block = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            raise ConnectionResetError("The connection ended before an answer") from error
        except asyncio.LimitOverrunError as error:
            raise BadMessage("The head of an answer is too long") from error
        start, fields = _parse_head(block)
        version, _, rest = start.partition(b" ")
        if not version.startswith(b"HTTP/1.") or not rest[:3].isdigit():
            raise BadMessage("No HTTP/1.1 status line")
        status = int(rest[:3])
        if status >= 200:
            break
    closes = _closes(version, fields)
    body = b""
    if status in (204, 304):
        pass
    elif _is_chunked(fields):
        body = await _read_chunked(reader, max_body_bytes)
    elif (length := _content_length(fields)) is not None:
        body = await _read_sized(reader, length, max_body_bytes)
    else:
        body = await _read_to_the_end(reader, max_body_bytes)
        closes = True
    return Answer(status, fields, body, closes)


def request_head(method: bytes, target: bytes, fields: Fields, length: int) -> bytes:
    return _render(b"%b %b HTTP/1.1" % (method, target), fields, length)


def answer_head(status: int, fields: Fields, length: int) -> bytes:
    # Clients go by the number; a reason phrase is optional.
    return _render(b"HTTP/1.1 %d " % status, fields, length)


def send(writer: asyncio.StreamWriter, head: bytes, body: bytes) -> None:
    """Queue one message. The caller drains."""
    for piece in pieces(head, body):
        writer.write(piece)


def pieces(head: bytes, body: bytes) -> tuple[bytes, ...]:
    """One message as it is to be written: one system call and one packet, unless a large body
    would be copied for that."""
    return (head + body,) if len(body) <= _ONE_PACKET_BYTES else (head, body)


def _render(start: bytes, fields: Fields, length: int) -> bytes:
    lines = [start]
    lines.extend(b"%b: %b" % pair for pair in fields)
    lines.append(b"content-length: %d\r\n\r\n" % length)
    return b"\r\n".join(lines)


def _parse_head(block: bytes) -> tuple[bytes, Fields]:
    start, *lines = block[:-4].split(b"\r\n")
    fields = []
    for line in lines:
        name, colon, value = line.partition(b":")
        if not colon or not name or b" " in name:
            raise BadMessage("A header field without a name")
        fields.append((name.lower(), value.strip()))
    return start, tuple(fields)


def _is_chunked(fields: Fields) -> bool:
    coding = field(fields, b"transfer-encoding")
    return coding is not None and coding.lower().endswith(b"chunked")


def _content_length(fields: Fields) -> int | None:
    value = field(fields, b"content-length")
    if value is None:
        return None
    if not value.isdigit():
        raise BadMessage("Content-Length is no number")
    return int(value)


def _closes(version: bytes, fields: Fields) -> bool:
    connection = (field(fields, b"connection") or b"").lower()
    if version == b"HTTP/1.0":
        return b"keep-alive" not in connection
    return b"close" in connection


async def _read_sized(reader: Reader, length: int, limit: int) -> bytes:
    try:
        if length <= limit:
            return await reader.readexactly(length)
        await _discard(reader, length)
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("The connection ended within a body") from error
    raise BodyTooLarge(f"A body of {length} bytes; the limit is {limit}")


async def _discard(reader: Reader, length: int) -> None:
    # A sender that is cut off in mid-body reports a broken pipe, not the answer.
    left = min(length, _DISCARD_BYTES)
    while left and (chunk := await reader.read(min(left, _CHUNK_BYTES))):
        left -= len(chunk)


async def _read_chunked(reader: Reader, limit: int) -> bytes:
    chunks: list[bytes] = []
    total = 0
    try:
        while True:
            line = await reader.readuntil(b"\r\n")
            try:
                size = int(line.partition(b";")[0], 16)
            except ValueError as error:
                raise BadMessage("A chunk without a size") from error
            if size <= 0:
                break
            total += size
            if total > _DISCARD_BYTES:
                raise BodyTooLarge(f"A body of more than {limit} bytes")
            chunk = await reader.readexactly(size)
            if total <= limit:
                chunks.append(chunk)
            await reader.readexactly(2)
        while await reader.readuntil(b"\r\n") != b"\r\n":
            pass  # trailers
    except asyncio.IncompleteReadError as error:
        raise ConnectionResetError("The connection ended within a body") from error
    except asyncio.LimitOverrunError as error:
        raise BadMessage("A chunk's size line is too long") from error
    if total > limit:
        raise BodyTooLarge(f"A body of {total} bytes; the limit is {limit}")
    return b"".join(chunks)


async def _read_to_the_end(reader: Reader, limit: int) -> bytes:
    chunks: list[bytes] = []
    total = 0
    while chunk := await reader.read(_CHUNK_BYTES):
        total += len(chunk)
        if total > limit:
            raise BodyTooLarge(f"A body of more than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)
