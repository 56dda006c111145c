"""Checkpoint tokens, callback ids and page markers: opaque to clients, authenticated by us.

Each is standard base64 of `format byte | key id byte | body | 16 bytes of keyed BLAKE2b`. Keys come
from a ring in Postgres, so every replica accepts what any replica issued. BLAKE2b because OpenSSL's
HMAC, which older ones carry, took a tenth of a lone checkpoint's time.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Mapping
from enum import IntEnum

from perdure_service.domain.errors import InvalidCheckpointToken, InvalidParameterValue
from perdure_service.domain.execution import Sight
from perdure_service.domain.frozen import frozen
from perdure_service.domain.ids import ExecutionId, InvocationId
from perdure_service.domain.instant import Instant

_MAC_BYTES = 16
_TOKEN = struct.Struct(">16s16sIq")
_MARKER = struct.Struct(">16sBqIqIIq")


class _Form(IntEnum):
    CHECKPOINT = 0x11
    CALLBACK = 0x12
    MARKER = 0x13


_OLDER = 0x10
"""How much smaller the format byte of one is that carries HMAC-SHA-256."""


class MarkerKind(IntEnum):
    """Which listing a marker continues."""

    STATE = 1
    DELTA = 2
    HISTORY = 3
    HISTORY_REVERSED = 4
    LIST = 5
    LIST_REVERSED = 6


@frozen
class CheckpointToken:
    """Names one turn of one invocation. `nonce` is that of the write which issued it, so a token
    of a timeline that was lost in a restore is refused."""

    execution_id: ExecutionId
    invocation_id: InvocationId
    seq: int
    nonce: int


@frozen
class CallbackAddress:
    """The operation behind a callback id."""

    execution_id: ExecutionId
    operation_id: str


@frozen
class Marker:
    """Where a page ended (`position`), and the view of the execution that all its pages share:
    the state at `upto`; for a delta, only what changed after `since`."""

    execution_id: ExecutionId
    kind: MarkerKind
    issued_at: Instant
    upto: Sight
    position: int
    since: Sight = Sight()


@frozen
class KeyRing:
    """Signing keys by id, 0 to 255; `current` signs, all verify."""

    keys: Mapping[int, bytes]
    current: int

    def issue_checkpoint_token(self, token: CheckpointToken) -> str:
        body = _TOKEN.pack(
            uuid_bytes(token.execution_id), uuid_bytes(token.invocation_id), token.seq, token.nonce
        )
        return self._seal(_Form.CHECKPOINT, body)

    def read_checkpoint_token(self, text: str) -> CheckpointToken:
        """Raises InvalidCheckpointToken for anything that this ring did not issue."""
        body = self._open(_Form.CHECKPOINT, text)
        if body is None or len(body) != _TOKEN.size:
            raise InvalidCheckpointToken
        execution, invocation, seq, nonce = _TOKEN.unpack(body)
        return CheckpointToken(
            ExecutionId(uuid_text(execution)), InvocationId(uuid_text(invocation)), seq, nonce
        )

    def issue_callback_id(self, execution_id: str, operation_id: str) -> str:
        return self._seal(_Form.CALLBACK, uuid_bytes(execution_id) + operation_id.encode())

    def read_callback_id(self, text: str) -> CallbackAddress:
        """Raises InvalidParameterValue for anything that this ring did not issue."""
        body = self._open(_Form.CALLBACK, text)
        if body is None or len(body) <= 16:
            raise InvalidParameterValue("Invalid callback id")
        return CallbackAddress(ExecutionId(uuid_text(body[:16])), body[16:].decode())

    def issue_marker(self, marker: Marker) -> str:
        body = _MARKER.pack(
            uuid_bytes(marker.execution_id),
            marker.kind,
            marker.issued_at,
            marker.upto.event_id,
            marker.upto.now,
            marker.position,
            marker.since.event_id,
            marker.since.now,
        )
        return self._seal(_Form.MARKER, body)

    def read_marker(self, text: str) -> Marker:
        """Raises InvalidParameterValue for anything that this ring did not issue."""
        body = self._open(_Form.MARKER, text)
        if body is None or len(body) != _MARKER.size:
            raise InvalidParameterValue("Invalid marker: use the NextMarker of the last page.")
        execution, kind, issued_at, event_id, now, position, *since = _MARKER.unpack(body)
        return Marker(
            ExecutionId(uuid_text(execution)),
            MarkerKind(kind),
            Instant(issued_at),
            Sight(event_id, Instant(now)),
            position,
            Sight(since[0], Instant(since[1])),
        )

    def _seal(self, form: _Form, body: bytes) -> str:
        message = bytes((form, self.current)) + body
        return base64.b64encode(message + _mac(self.keys[self.current], message)).decode()

    def _open(self, form: _Form, text: str) -> bytes | None:
        try:
            sealed = base64.b64decode(text.encode("ascii"), validate=True)
        except (binascii.Error, UnicodeEncodeError):
            return None
        if len(sealed) < 2 + _MAC_BYTES:
            return None
        key = self.keys.get(sealed[1])
        if key is None:
            return None
        message, mac = sealed[:-_MAC_BYTES], sealed[-_MAC_BYTES:]
        if sealed[0] == form:
            expected = _mac(key, message)
        elif sealed[0] == form - _OLDER:
            expected = hmac.digest(key, message, "sha256")[:_MAC_BYTES]
        else:
            return None
        return message[2:] if hmac.compare_digest(mac, expected) else None


def _mac(key: bytes, message: bytes) -> bytes:
    return hashlib.blake2b(message, key=key, digest_size=_MAC_BYTES).digest()


def uuid_bytes(text: str) -> bytes:
    return bytes.fromhex(text.replace("-", ""))


def uuid_text(raw: bytes) -> str:
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
