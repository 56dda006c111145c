"""Tokens of pages of logs: a place, spelled so that nobody builds on what is in it."""

from __future__ import annotations

import base64
import json
import re

from perdure_service.domain.errors import InvalidParameterValue
from perdure_service.domain.instant import Instant
from perdure_service.ports.function_logs import Place

_BOUNDARY = re.compile(r"([fb])/([0-9]{20})([0-9]{20})")
_NAME = re.compile(r"[^\x00\ud800-\udfff]{0,512}")
"""What Postgres can hold as text, as long as names are."""
_LARGEST = 2**63 - 1
_LATEST = 253_402_300_799_999_999
"""The last microsecond of the year 9999, the last that a timestamptz of ours shall hold."""


def page_token(*place: str | int) -> str:
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode()


def token_text(token: str) -> str:
    """The name after which a page begins. Raises InvalidParameterValue."""
    match _decoded(token):
        case [str() as name] if _NAME.fullmatch(name):
            return name
        case _:
            raise _invalid()


def token_time(token: str) -> tuple[Instant, int]:
    """The time and the id after which a page begins. Raises InvalidParameterValue."""
    match _decoded(token):
        case [int() as at, int() as id_] if 0 <= at <= _LATEST and 0 <= id_ <= _LARGEST:
            return Instant(at), id_
        case _:
            raise _invalid()


def boundary_token(forward: bool, place: Place) -> str:
    """As CloudWatch Logs spells those of GetLogEvents: f/ goes on from here, b/ goes back."""
    return f"{'f' if forward else 'b'}/{place.at:020d}{place.id:020d}"


def parse_boundary(token: str) -> tuple[bool, Place]:
    """Whether it goes forward, and where from. Raises InvalidParameterValue."""
    match = _BOUNDARY.fullmatch(token)
    if match is None or int(match[2]) > _LATEST or int(match[3]) > _LARGEST:
        raise InvalidParameterValue("The specified nextToken is invalid.")
    return match[1] == "f", Place(Instant(int(match[2])), int(match[3]))


def _decoded(token: str) -> object:
    try:
        return json.loads(base64.urlsafe_b64decode(token.encode()))
    except (ValueError, RecursionError):
        raise _invalid() from None


def _invalid() -> InvalidParameterValue:
    return InvalidParameterValue("The specified nextToken is invalid.")
