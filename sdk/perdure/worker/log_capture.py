"""What a process writes, as messages: from its output, and from the framed log of runtimes.

A message of the output is a line; one of the framed log may have several. Whatever is written is
taken at once and never waits for anybody, so a process that writes a lot is not held up.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from typing import Final, Protocol

from perdure.worker.clock import epoch_milliseconds

MAX_MESSAGE_BYTES: Final = 1024 * 1024
"""What CloudWatch Logs takes as one event. Longer messages come in pieces."""

_READ_BYTES = 64 * 1024
"""A pipe has no more."""
_READ_NOW_BYTES = 128 * 1024
_FRAME_HEADER_BYTES = 16
_FRAME_MAGIC = b"\xa5\x5a"
_MAX_FRAME_BYTES = 16 * 1024 * 1024
_LAST_MILLISECOND = 253_402_300_799_999
"""Of the year 9999."""

Emit = Callable[[int, str], None]
"""Takes the time of a message, in milliseconds since 1970, and its text without its end. It must
not block."""


class Splitter(Protocol):
    def feed(self, data: bytes) -> Iterator[tuple[int, str]]: ...
    def end(self) -> Iterator[tuple[int, str]]: ...


class LineSplitter:
    """Bytes in, whole lines out; holds at most MAX_MESSAGE_BYTES back."""

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int, str]]:
        now = epoch_milliseconds()
        # What was held back is not looked through again: a line may be very long.
        end, *lines = data.split(b"\n")
        self._rest += end
        if lines:
            first, self._rest = bytes(self._rest), bytearray(lines.pop())
            for line in (first, *lines):
                for piece in _pieces(line):
                    yield now, piece
        while len(self._rest) > MAX_MESSAGE_BYTES:
            yield now, _text(self._rest[:MAX_MESSAGE_BYTES])
            del self._rest[:MAX_MESSAGE_BYTES]

    def end(self) -> Iterator[tuple[int, str]]:
        if self._rest:
            yield epoch_milliseconds(), _text(self._rest)
        self._rest.clear()


class FrameSplitter:
    """Records in, messages out: u32 type, u32 length, u64 microseconds, message; big-endian.

    A stream that loses its frames is read on as plain lines: better ugly than gone.
    """

    def __init__(self) -> None:
        self._rest = bytearray()
        self._lines: LineSplitter | None = None

    def feed(self, data: bytes) -> Iterator[tuple[int, str]]:
        if self._lines is not None:
            yield from self._lines.feed(data)
            return
        self._rest += data
        start = 0
        while start + _FRAME_HEADER_BYTES <= len(self._rest):
            header = bytes(self._rest[start : start + _FRAME_HEADER_BYTES])
            size = _FRAME_HEADER_BYTES + int.from_bytes(header[4:8], "big")
            if header[:2] != _FRAME_MAGIC or size > _MAX_FRAME_BYTES:
                self._lines, lost = LineSplitter(), bytes(self._rest[start:])
                self._rest.clear()
                yield from self._lines.feed(lost)
                return
            if start + size > len(self._rest):
                break
            message = bytes(self._rest[start + _FRAME_HEADER_BYTES : start + size])
            start += size
            yield from _framed(header, message)
        del self._rest[:start]

    def end(self) -> Iterator[tuple[int, str]]:
        rest = bytes(self._rest)
        self._rest.clear()
        if self._lines is not None:
            yield from self._lines.end()
        elif len(rest) >= _FRAME_HEADER_BYTES:
            yield from _framed(rest[:_FRAME_HEADER_BYTES], rest[_FRAME_HEADER_BYTES:])
        elif rest:
            yield epoch_milliseconds(), _text(rest)


class CapturedPipe:
    """A pipe whose one end a child gets. What it writes is emitted as it comes; `read_now` takes
    what is in the pipe already, so that a message stands before what happens next."""

    def __init__(self, splitter: Splitter, emit: Emit) -> None:
        self._splitter = splitter
        self._emit = emit
        self._loop = asyncio.get_running_loop()
        self._ours, self.childs_end = os.pipe()
        os.set_blocking(self._ours, False)
        self.ended: asyncio.Future[None] = self._loop.create_future()
        """Done once nobody has the other end any more, and all is read."""
        self._loop.add_reader(self._ours, self._read)

    def hand_over(self) -> None:
        """The child has its end now: close ours, or the pipe would never end."""
        if self.childs_end >= 0:
            os.close(self.childs_end)
            self.childs_end = -1

    def read_now(self) -> None:
        """Take what was written until now. Bounded: someone may write without end."""
        taken = 0
        while taken < _READ_NOW_BYTES and (count := self._read()):
            taken += count

    def close(self) -> None:
        """What is left in the pipe is emitted. Safe to repeat."""
        self.hand_over()
        self.read_now()
        self._end()

    def _read(self) -> int:
        """The number of bytes that were there."""
        if self._ours < 0:
            return 0
        try:
            data = os.read(self._ours, _READ_BYTES)
        except BlockingIOError:
            return 0
        except OSError:
            data = b""
        if not data:
            self._end()
            return 0
        for at, text in self._splitter.feed(data):
            self._emit(at, text)
        return len(data)

    def _end(self) -> None:
        if self._ours < 0:
            return
        self._loop.remove_reader(self._ours)
        os.close(self._ours)
        self._ours = -1
        for at, text in self._splitter.end():
            self._emit(at, text)
        if not self.ended.done():
            self.ended.set_result(None)


async def capture_lines(reader: asyncio.StreamReader, emit: Callable[[str], None]) -> None:
    """Read a pipe of another kind to its end, line by line."""
    splitter = LineSplitter()
    try:
        while data := await reader.read(_READ_BYTES):
            for _, line in splitter.feed(data):
                emit(line)
    finally:
        for _, line in splitter.end():
            emit(line)


def _framed(header: bytes, message: bytes) -> Iterator[tuple[int, str]]:
    at = int.from_bytes(header[8:16], "big") // 1000
    if not 0 < at <= _LAST_MILLISECOND:
        at = epoch_milliseconds()
    for piece in _pieces(message.rstrip(b"\n")):
        yield at, piece


def _pieces(message: bytes) -> Iterator[str]:
    for start in range(0, max(len(message), 1), MAX_MESSAGE_BYTES):
        yield _text(message[start : start + MAX_MESSAGE_BYTES])


def _text(message: bytes | bytearray) -> str:
    return message.decode("utf-8", "replace").removesuffix("\r")
