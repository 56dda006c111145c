"""The `ZipFile` of a request: tens of megabytes of base64 in a few lines of JSON.

It is cut out before the rest is parsed, and decoded piece by piece: one call for all of it would
keep the interpreter, in whatever thread, and everybody else waiting for a quarter of a second.
"""

from __future__ import annotations

import binascii
import io
import re
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import TypeAdapter

from perdure_service.api.wire.text import parse_json
from perdure_service.api.wire.violations import violation

ZipText = str | memoryview
"""Base64."""

_NAME = b'"ZipFile"'
_MEMBER = re.compile(_NAME + rb'[ \t\r\n]*:[ \t\r\n]*"')
_CUT_OUT = "(cut out)"
_PIECE_CHARACTERS = 1 << 20  # two milliseconds; a multiple of four


def parse_around_zip(
    adapter: TypeAdapter[Any], body: bytes, code_of: Callable[[Any], Mapping[str, Any]]
) -> tuple[Any, ZipText | None]:
    """The body, but for the ZipFile of its code, which comes beside it. Raises
    InvalidParameterValue."""
    cut = _cut_out(body)
    if cut is not None:
        rest, text = cut
        parsed = parse_json(adapter, rest)
        if code_of(parsed).get("ZipFile") == _CUT_OUT:
            return parsed, text
        # The name stands elsewhere, too.
    parsed = parse_json(adapter, body)
    return parsed, code_of(parsed).get("ZipFile")


def decode_zip(text: ZipText, path: str) -> bytes:
    """Raises InvalidParameterValue unless it is base64, with its padding and nothing else."""
    archive = io.BytesIO()
    try:
        for begin in range(0, len(text), _PIECE_CHARACTERS):
            piece = text[begin : begin + _PIECE_CHARACTERS]
            decoded = binascii.a2b_base64(piece, strict_mode=True)
            is_last = begin + len(piece) == len(text)
            if not is_last and len(decoded) != _PIECE_CHARACTERS // 4 * 3:
                raise ValueError("padding in the middle")
            archive.write(decoded)
    except ValueError:  # also binascii.Error
        raise violation(path, text, "be base64") from None
    return archive.getvalue()


def _cut_out(body: bytes) -> tuple[bytes, memoryview] | None:
    """The body with something short for the first text of that name, and the text. None if there
    is none, or if it holds what JSON spells with a backslash."""
    at = body.find(_NAME)
    member = _MEMBER.match(body, at) if at >= 0 else None
    if member is None or body[at - 1 : at] == b"\\":
        return None
    begin = member.end()
    end = body.find(b'"', begin)
    if end < 0 or body.find(b"\\", begin, end) >= 0:
        return None
    return body[:begin] + _CUT_OUT.encode() + body[end:], memoryview(body)[begin:end]
