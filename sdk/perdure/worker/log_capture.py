"""What a process writes, as lines: from pipes, and from the framed log of Lambda's runtimes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator

MAX_LINE_BYTES = 64 * 1024
"""Longer lines come in pieces."""

_READ_BYTES = 64 * 1024
_FRAME_HEADER_BYTES = 16
_MAX_FRAME_BYTES = 16 * 1024 * 1024

Emit = Callable[[str], None]
"""Takes one line of text without its end. It must not block."""


class LineSplitter:
    """Bytes in, whole lines out; holds at most MAX_LINE_BYTES back."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> Iterator[str]:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            yield from _pieces(line)
        while len(self._rest) > MAX_LINE_BYTES:
            yield _text(self._rest[:MAX_LINE_BYTES])
            self._rest = self._rest[MAX_LINE_BYTES:]

    def end(self) -> Iterator[str]:
        if self._rest:
            yield _text(self._rest)
        self._rest = b""


async def capture_lines(reader: asyncio.StreamReader, emit: Emit) -> None:
    """Read to the end of a pipe."""
    splitter = LineSplitter()
    try:
        while data := await reader.read(_READ_BYTES):
            for line in splitter.feed(data):
                emit(line)
    finally:
        for line in splitter.end():
            emit(line)


async def capture_frames(reader: asyncio.StreamReader, emit: Emit) -> None:
    """Read framed log records: u32 type, u32 length, u64 microseconds, message; big-endian.

    A stream that loses its frames is read on as plain lines: better ugly than gone.
    """
    while True:
        try:
            header = await reader.readexactly(_FRAME_HEADER_BYTES)
        except asyncio.IncompleteReadError as error:
            if error.partial:
                emit(_text(error.partial))
            return
        length = int.from_bytes(header[4:8], "big")
        if header[:2] != b"\xa5\x5a" or length > _MAX_FRAME_BYTES:
            emit(_text(header))
            await capture_lines(reader, emit)
            return
        try:
            message = await reader.readexactly(length)
        except asyncio.IncompleteReadError as error:
            message = error.partial
        for line in message.rstrip(b"\n").split(b"\n"):
            for piece in _pieces(line):
                emit(piece)


def _pieces(line: bytes) -> Iterator[str]:
    for start in range(0, max(len(line), 1), MAX_LINE_BYTES):
        yield _text(line[start : start + MAX_LINE_BYTES])


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").removesuffix("\r")
