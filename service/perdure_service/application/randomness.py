"""Random bits and ids, from the system's generator, at a price that every request can pay."""

from __future__ import annotations

import os

_POOL_BYTES = 4_096


class _Pool:
    """Random bytes, fetched from the system in large portions: each is handed out once, to the
    one thread of the event loop."""

    def __init__(self) -> None:
        self._bytes = b""
        self._used = 0

    def take(self, count: int) -> bytes:
        begin, end = self._used, self._used + count
        if end > len(self._bytes):
            self._bytes = os.urandom(_POOL_BYTES)
            begin, end = 0, count
        self._used = end
        return self._bytes[begin:end]


_pool = _Pool()


def random_bits(count: int) -> int:
    """A number below 2**count; `count` is at most 64."""
    return int.from_bytes(_pool.take(8)) >> (64 - count)


def random_uuid() -> str:
    """A version 4 UUID in canonical form."""
    text = _pool.take(16).hex()
    return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"
