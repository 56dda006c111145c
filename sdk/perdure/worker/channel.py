"""What the agent and a process that runs many invocations tell each other, over a socket of theirs.

A message is a JSON object and some bytes, each behind its length as u32, big-endian. The agent
sends `Run`; the process sends `Ready` or `Failed` once, `Ended` for each invocation, `Wrote` for
what an invocation writes, and `Worn` when it wants to be replaced. The end of the stream is the
word that no more will come, in both directions.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any, Final

from perdure.compact import compact_json


class Kind(StrEnum):
    RUN = "Run"
    """`InvocationId`, `TimeoutSeconds` and what Lambda's context object tells; the event."""
    READY = "Ready"
    FAILED = "Failed"
    """The handler could not be loaded; the error as Lambda spells it."""
    ENDED = "Ended"
    """`InvocationId`, `Outcome`; the result."""
    WROTE = "Wrote"
    """`InvocationId`, `At` in milliseconds since 1970; the text."""
    WORN = "Worn"
    """`Reason`: the process can run no more invocations well."""


_LENGTH = struct.Struct(">I")
_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024


class BrokenChannel(Exception):
    """What came is no message; the other side cannot be understood any more."""


def encode(kind: Kind, payload: bytes = b"", **members: Any) -> bytes:
    header = compact_json({"Kind": kind, **members}).encode()
    return b"".join((_LENGTH.pack(len(header)), header, _LENGTH.pack(len(payload)), payload))


class Decoder:
    """Bytes in, messages out."""

    def __init__(self) -> None:
        self._received = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[Kind, Mapping[str, Any], bytes]]:
        """Kind, members and payload of each message that is complete. Raises BrokenChannel."""
        self._received += data
        at = 0
        try:
            while True:
                begin, end = self._part(at)
                if end is None:
                    break
                payload_begin, payload_end = self._part(end)
                if payload_end is None:
                    break
                header = json.loads(self._received[begin:end])
                yield Kind(header["Kind"]), header, bytes(self._received[payload_begin:payload_end])
                at = payload_end
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BrokenChannel(f"no message: {error}") from error
        finally:
            del self._received[:at]

    def _part(self, at: int) -> tuple[int, int | None]:
        """Where a part begins and ends; None if its end has not come yet."""
        begin = at + _LENGTH.size
        if begin > len(self._received):
            return begin, None
        (length,) = _LENGTH.unpack_from(self._received, at)
        if length > _MAX_MESSAGE_BYTES:
            raise BrokenChannel(f"a message of {length} bytes")
        end = begin + length
        return begin, end if end <= len(self._received) else None
