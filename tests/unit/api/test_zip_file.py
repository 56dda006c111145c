"""A zip in a request is what JSON and base64 say that it is, however it is spelled."""

from __future__ import annotations

import base64
import json

import pytest

from perdure_service.api.wire.functions import parse_create_function, parse_update_code
from perdure_service.application.function_requests import ZipCode
from perdure_service.domain.errors import InvalidParameterValue

ARCHIVE = b"PK" + bytes(range(256)) * 4
TEXT = base64.b64encode(ARCHIVE).decode()
LARGE = b"PK" + bytes(2_000_000)
PIECE_CHARACTERS = 1 << 20


def updated(body: str) -> bytes | None:
    """The code of an UpdateFunctionCode."""
    code = parse_update_code("f", body.encode()).code
    assert code is None or isinstance(code, ZipCode)
    return None if code is None else code.archive


def created(**members: object) -> bytes:
    """The code of a CreateFunction."""
    new = parse_create_function(json.dumps({"FunctionName": "f", **members}).encode())
    assert isinstance(new.code, ZipCode)
    return new.code.archive


@pytest.mark.parametrize(
    "body",
    [
        f'{{"ZipFile":"{TEXT}"}}',
        f'{{"Publish": true, "ZipFile" :\r\n\t"{TEXT}" }}',
        f'{{"ZipFile":"{TEXT.replace("/", chr(92) + "/")}"}}',
        f'{{"Zip\\u0046ile":"{TEXT}"}}',
        f'{{"RevisionId": "\\"ZipFile", "ZipFile": "{TEXT}"}}',
        f'{{"RevisionId": "\\"ZipFile\\": \\"", "ZipFile": "{TEXT}"}}',
        f'{{"ZipFile": "", "ZipFile": "{TEXT}"}}',
    ],
    ids=[
        "as boto3 does",
        "with white space",
        "with escaped slashes",
        "with an escaped name",
        "behind half its name",
        "behind its name in a text",
        "said twice",
    ],
)
def test_it_is_found(body: str) -> None:
    assert updated(body) == ARCHIVE


def test_another_member_of_its_name_is_not_it() -> None:
    code = {"Code": {"ZipFile": TEXT}}
    tags = {"Tags": {"ZipFile": "aaaa"}}
    assert created(**tags, **code) == created(**code, **tags) == ARCHIVE
    new = parse_create_function(json.dumps({"FunctionName": "f", **tags, **code}).encode())
    assert new.tags == tags["Tags"]


def test_a_large_one_comes_whole() -> None:
    for more in range(3):
        archive = LARGE + bytes(more)
        assert updated(json.dumps({"ZipFile": base64.b64encode(archive).decode()})) == archive


def test_without_one_there_is_no_code() -> None:
    for body in ("{}", '{"ZipFile": null}', '{"RevisionId": "ZipFile"}'):
        assert updated(body) is None
    assert updated('{"ZipFile": ""}') == b""


@pytest.mark.parametrize(
    "text",
    [
        "A",
        "AA=",
        "AAAA\nAAAA",
        "AA==AAAA",
        "=",
        "AAÄA",
        "(cut out)",
        "A" * (PIECE_CHARACTERS - 2) + "==" + "AAAA",
        "A" * PIECE_CHARACTERS + "=AAA",
    ],
    ids=lambda text: text[-10:],
)
def test_what_is_not_base64_is_refused(text: str) -> None:
    with pytest.raises(InvalidParameterValue, match=r"'zipFile' failed to satisfy .* be base64"):
        updated(json.dumps({"ZipFile": text}, ensure_ascii=False))


@pytest.mark.parametrize("body", ['{"ZipFile": "AAAA', '{"ZipFile": "AAAA"', '{"ZipFile": 7}', ""])
def test_what_is_not_json_is_refused(body: str) -> None:
    with pytest.raises(InvalidParameterValue):
        updated(body)
