"""Paths as callers write them: ARNs and callback ids raw or percent-encoded.

They hold `/`, so a path is split on what follows them, before it is decoded. FastAPI is shown a
path in which each is one segment.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from perdure_service.api.wire.violations import violation
from perdure_service.domain.errors import InvalidParameterValue

EXECUTIONS = b"/2025-12-01/durable-executions/"
CALLBACKS = b"/2025-12-01/durable-execution-callbacks/"
REST_EXECUTIONS = b"/v1/executions/"

_VERBS = {
    EXECUTIONS: (b"/checkpoint", b"/state", b"/history", b"/stop", b"/pause", b"/resume"),
    CALLBACKS: (b"/succeed", b"/fail", b"/heartbeat"),
    REST_EXECUTIONS: (b"/history", b"/logs"),
}
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")


def one_segment(raw_path: bytes) -> bytes:
    """The path with its ARN or callback id as one segment, and no slash at the end."""
    for prefix, verbs in _VERBS.items():
        if raw_path.startswith(prefix):
            verb = next((verb for verb in verbs if raw_path.endswith(verb)), b"")
            identifier = raw_path[len(prefix) : len(raw_path) - len(verb)]
            return prefix + identifier.replace(b"/", b"%2F") + verb
    return raw_path.rstrip(b"/") or b"/"


def decode(raw: bytes) -> str:
    """A percent-decoded identifier. Raises InvalidParameterValue if it is broken."""
    # An ARN has nothing else to encode, and comes with every checkpoint.
    decoded = raw.replace(b"%3A", b":").replace(b"%2F", b"/").replace(b"%24", b"$")
    if b"%" not in decoded:
        pass
    elif _BROKEN.search(raw) is None:
        decoded = unquote_to_bytes(raw)
    else:
        raise InvalidParameterValue(
            f"Broken percent-encoding in '{raw[:200].decode('latin-1')}': write % as %25."
        )
    try:
        return decoded.decode()
    except UnicodeDecodeError:
        raise InvalidParameterValue(
            f"'{raw[:200].decode('latin-1')}' is not percent-encoded UTF-8."
        ) from None


def parse_query(query: bytes) -> dict[str, str]:
    """The last value of each parameter. A plus is a plus: tokens and markers are base64, and none
    of Lambda's parameters holds a space. Raises InvalidParameterValue if it is broken."""
    values: dict[str, str] = {}
    for pair in query.split(b"&"):
        name, _, value = pair.partition(b"=")
        if value:
            values[decode(name)] = decode(value)
    return values


def checked_query(query: bytes) -> bytes:
    """The same query for a parser that takes a plus for a space. Raises InvalidParameterValue if
    it is broken."""
    if _BROKEN.search(query) is not None:
        raise violation("query", query.decode("latin-1"), "be percent-encoded: write % as %25")
    return query.replace(b"+", b"%2B")
