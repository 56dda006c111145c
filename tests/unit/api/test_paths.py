"""Paths are split before they are decoded."""

from __future__ import annotations

import pytest

from perdure_service.api.paths import checked_query, decode, one_segment, parse_query
from perdure_service.domain.errors import InvalidParameterValue

ARN = "arn:aws:lambda:us-east-1:000000000000:function:f:$LATEST/durable-execution/n/1"
ENCODED = ARN.replace("/", "%2F").replace(":", "%3A").replace("$", "%24")


@pytest.mark.parametrize("arn", [ARN, ENCODED])
@pytest.mark.parametrize("verb", ["", "/history", "/stop"])
def test_an_arn_is_one_segment(arn: str, verb: str) -> None:
    path = one_segment(f"/2025-12-01/durable-executions/{arn}{verb}".encode())
    _, version, kind, segment, *rest = path.split(b"/")
    assert (version, kind) == (b"2025-12-01", b"durable-executions")
    assert decode(segment) == ARN
    assert rest == ([verb[1:].encode()] if verb else [])


def test_a_callback_id_may_hold_what_base64_holds() -> None:
    path = one_segment(b"/2025-12-01/durable-execution-callbacks/a+b/c==/succeed")
    assert path.split(b"/")[3:] == [b"a+b%2Fc==", b"succeed"]


def test_a_slash_at_the_end_is_none() -> None:
    assert one_segment(b"/2015-03-31/functions/") == b"/2015-03-31/functions"
    assert one_segment(b"/") == b"/"


@pytest.mark.parametrize("raw", [b"%", b"%2", b"a%zzb", b"%ff", b"\xff"])
def test_what_cannot_be_decoded_is_refused(raw: bytes) -> None:
    with pytest.raises(InvalidParameterValue):
        decode(raw)


def test_a_plus_is_a_plus() -> None:
    assert parse_query(b"CheckpointToken=a+b/c==&Marker=&MaxItems=5") == {
        "CheckpointToken": "a+b/c==",
        "MaxItems": "5",
    }
    assert checked_query(b"a=1+2") == b"a=1%2B2"
    with pytest.raises(InvalidParameterValue):
        checked_query(b"a=%4")
