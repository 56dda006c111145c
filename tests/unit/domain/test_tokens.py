"""Tokens, callback ids and markers: read back by their ring, and by nothing else."""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Callable

import pytest

from perdure_service.domain.errors import InvalidCheckpointToken, InvalidParameterValue
from perdure_service.domain.execution import Sight
from perdure_service.domain.ids import ExecutionId
from perdure_service.domain.tokens import (
    CallbackAddress,
    CheckpointToken,
    KeyRing,
    Marker,
    MarkerKind,
)
from tests.support.executions import KEYS, at, identity, invocation_id

ID = identity().id
TOKEN = CheckpointToken(ID, invocation_id(5), seq=2**32 - 1, nonce=2**63 - 1)
MARKER = Marker(ID, MarkerKind.DELTA, at(0), Sight(9, at(3)), 7, Sight(4, at(1)))

READERS: list[tuple[str, Callable[[KeyRing, str], object]]] = [
    (KEYS.issue_checkpoint_token(TOKEN), KeyRing.read_checkpoint_token),
    (KEYS.issue_callback_id(ID, "cb"), KeyRing.read_callback_id),
    (KEYS.issue_marker(MARKER), KeyRing.read_marker),
]
OTHERS = KeyRing({1: b"another ring's key of thirty-two b"}, current=1)


def refused(read: Callable[[KeyRing, str], object], text: str, keys: KeyRing = KEYS) -> bool:
    try:
        read(keys, text)
    except (InvalidCheckpointToken, InvalidParameterValue):
        return True
    return False


def test_what_a_ring_issues_it_reads_back() -> None:
    assert KEYS.read_checkpoint_token(KEYS.issue_checkpoint_token(TOKEN)) == TOKEN
    assert KEYS.read_marker(KEYS.issue_marker(MARKER)) == MARKER
    for operation in ("a", "z" * 64):
        text = KEYS.issue_callback_id(ID, operation)
        assert KEYS.read_callback_id(text) == CallbackAddress(ID, operation)


def test_a_callback_id_from_before_blake2b_is_still_read() -> None:
    message = bytes((2, KEYS.current)) + bytes.fromhex(ID.replace("-", "")) + b"cb"
    mac = hmac.digest(KEYS.keys[KEYS.current], message, "sha256")[:16]
    older = base64.b64encode(message + mac).decode()
    assert KEYS.read_callback_id(older) == CallbackAddress(ID, "cb")
    assert refused(KeyRing.read_callback_id, older, OTHERS)
    assert refused(KeyRing.read_checkpoint_token, older)


@pytest.mark.parametrize(("text", "read"), READERS)
def test_they_are_standard_base64_as_the_model_asks(text: str, read: object) -> None:
    assert re.fullmatch(r"[A-Za-z0-9+/]+={0,2}", text)
    assert len(text) <= 1_024


@pytest.mark.parametrize(("text", "read"), READERS)
def test_each_changed_byte_is_noticed(text: str, read: Callable[[KeyRing, str], object]) -> None:
    raw = base64.b64decode(text)
    for place in range(len(raw)):
        forged = bytearray(raw)
        forged[place] ^= 1
        assert refused(read, base64.b64encode(forged).decode())


@pytest.mark.parametrize(("text", "read"), READERS)
def test_each_cut_is_noticed(text: str, read: Callable[[KeyRing, str], object]) -> None:
    raw = base64.b64decode(text)
    for length in range(len(raw)):
        assert refused(read, base64.b64encode(raw[:length]).decode())


@pytest.mark.parametrize(("text", "read"), READERS)
@pytest.mark.parametrize("garbage", ["", "=", "é", "not base64!", "AAAA", "\x00", "A" * 5_000])
def test_garbage_is_refused(
    text: str, read: Callable[[KeyRing, str], object], garbage: str
) -> None:
    assert refused(read, garbage)


@pytest.mark.parametrize(("text", "read"), READERS)
def test_another_rings_are_refused(text: str, read: Callable[[KeyRing, str], object]) -> None:
    assert refused(read, text, OTHERS)


@pytest.mark.parametrize("text", [text for text, _ in READERS])
def test_one_form_is_not_taken_for_another(text: str) -> None:
    assert sum(not refused(read, text) for _, read in READERS) == 1


def test_after_a_rotation_the_old_key_still_verifies_and_the_new_one_signs() -> None:
    old, new = KEYS.keys[1], b"the next key, also of made-up bytes"
    rotated = KeyRing({1: old, 2: new}, current=2)
    retired = KeyRing({2: new}, current=2)
    before, after = KEYS.issue_checkpoint_token(TOKEN), rotated.issue_checkpoint_token(TOKEN)
    assert before != after
    assert rotated.read_checkpoint_token(before) == rotated.read_checkpoint_token(after) == TOKEN
    assert retired.read_checkpoint_token(after) == TOKEN
    assert refused(KeyRing.read_checkpoint_token, before, retired)
    assert refused(KeyRing.read_checkpoint_token, after, KEYS)


def test_a_refusal_says_what_the_model_says() -> None:
    with pytest.raises(InvalidCheckpointToken, match=r"^Invalid checkpoint token$"):
        KEYS.read_checkpoint_token("x")
    with pytest.raises(InvalidParameterValue, match=r"^Invalid callback id$"):
        KEYS.read_callback_id("x")
    with pytest.raises(InvalidParameterValue, match="use the NextMarker of the last page"):
        KEYS.read_marker("x")


def test_a_callback_id_without_an_operation_is_none() -> None:
    assert refused(KeyRing.read_callback_id, KEYS.issue_callback_id(ExecutionId(ID), ""))
