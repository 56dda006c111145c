"""Framing: HTTP/1.1, the lines and frames of a log, and the frames of a poll."""

from __future__ import annotations

import asyncio
import io
import os
import resource
import struct
import threading

import pytest

from perdure.cli.output import CAPACITY_CHARACTERS, LinePrinter
from perdure.http import http1
from perdure.http.http1 import BadMessage, BodyTooLarge
from perdure.worker.child import ChildOutput
from perdure.worker.invocation import MalformedDelivery, decode_deliveries
from perdure.worker.log_capture import MAX_MESSAGE_BYTES, FrameSplitter, LineSplitter, Splitter
from perdure.worker.logging_config import DEFAULT
from perdure.worker.process_log import ProcessLog, RuntimeLog


def test_a_start_for_which_too_few_files_may_be_open_leaves_none_open() -> None:
    async def start() -> None:
        log = RuntimeLog(ProcessLog("f", "1", 128, DEFAULT, put=lambda *_: None, show=print))
        one_pipe = os.pipe()
        for descriptor in one_pipe:
            os.close(descriptor)
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(one_pipe) + 1, hard))
        try:
            with pytest.raises(OSError, match="Too many open files"):
                ChildOutput(log)
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        again = os.pipe()
        for descriptor in again:
            os.close(descriptor)
        assert again == one_pipe

    asyncio.run(start())


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


def reader_of(data: bytes) -> asyncio.StreamReader:
    reader = asyncio.StreamReader()
    reader.feed_data(data)
    reader.feed_eof()
    return reader


class Peer(asyncio.WriteTransport):
    """The other end's view of what was written."""

    def __init__(self) -> None:
        super().__init__()
        self.received = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.received += data

    def is_closing(self) -> bool:
        return True


def writer_to(peer: Peer, reader: asyncio.StreamReader) -> asyncio.StreamWriter:
    loop = asyncio.get_running_loop()
    return asyncio.StreamWriter(peer, asyncio.StreamReaderProtocol(reader), reader, loop)


async def read_request(data: bytes, *, limit: int = 100) -> tuple[http1.Request | None, bytes]:
    reader, peer = reader_of(data), Peer()
    request = await http1.read_request(reader, writer_to(peer, reader), max_body_bytes=limit)
    return request, peer.received


async def test_a_request_is_read_with_its_body() -> None:
    request, _ = await read_request(
        b"POST /a%2Fb?x HTTP/1.1\r\nHost: h\r\nContent-Length:3\r\n\r\nabc"
    )
    assert request is not None
    assert (request.method, request.target, request.body) == (b"POST", b"/a%2Fb?x", b"abc")
    assert http1.field(request.fields, b"host") == b"h"
    assert not request.closes


async def test_chunks_are_joined_and_their_extensions_and_trailers_ignored() -> None:
    request, _ = await read_request(
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"2;x=y\r\nab\r\n1\r\nc\r\n0\r\nTrailer: t\r\n\r\n"
    )
    assert request is not None
    assert request.body == b"abc"


async def test_a_client_that_waits_for_leave_to_send_gets_it() -> None:
    request, answered = await read_request(
        b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx"
    )
    assert request is not None
    assert answered == b"HTTP/1.1 100 Continue\r\n\r\n"


async def test_the_end_of_a_connection_is_no_request() -> None:
    assert await read_request(b"") == (None, b"")


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"GET / HT", BadMessage),
        (b"nonsense\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nno colon\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nContent-Length: x\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nContent-Length: 5\r\n\r\nabc", ConnectionError),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", BadMessage),
        (b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabc", ConnectionError),
        (b"GET / HTTP/1.1\r\nContent-Length: 101\r\n\r\n" + b"x" * 101, BodyTooLarge),
        (
            b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n65\r\n%b\r\n0\r\n\r\n"
            % (b"x" * 101),
            BodyTooLarge,
        ),
    ],
)
async def test_what_is_no_request_ends_the_connection(data: bytes, error: type[Exception]) -> None:
    with pytest.raises(error):
        await read_request(data)


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    answer = await http1.read_answer(
        reader_of(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\nabc"), max_body_bytes=10
    )
    assert (answer.status, answer.body, answer.closes) == (200, b"abc", True)


async def test_an_answer_without_a_body_has_none() -> None:
    answer = await http1.read_answer(
        reader_of(b"HTTP/1.1 204 No Content\r\n\r\nrest"), max_body_bytes=10
    )
    assert (answer.status, answer.body, answer.closes) == (204, b"", False)


def texts(splitter: Splitter, *pieces: bytes) -> list[str]:
    return [text for piece in pieces for _, text in splitter.feed(piece)]


def last_texts(splitter: Splitter) -> list[str]:
    return [text for _, text in splitter.end()]


def log_frame(message: bytes, microseconds: int = 1_000) -> bytes:
    return struct.pack(">IIQ", 0xA55A0003, len(message), microseconds) + message


def test_lines_come_whole_whatever_the_pieces() -> None:
    splitter = LineSplitter()
    assert texts(splitter, b"a\r\n\nb") == ["a", ""]
    assert texts(splitter, b"c\xff\n") == ["bc\ufffd"]
    assert last_texts(splitter) == []


def test_a_line_without_end_comes_in_pieces() -> None:
    splitter = LineSplitter()
    pieces = texts(splitter, b"x" * (2 * MAX_MESSAGE_BYTES + 1))
    assert [len(piece) for piece in pieces] == [MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES]
    assert last_texts(splitter) == ["x"]


def test_a_log_frame_is_one_message_with_its_own_time() -> None:
    splitter = FrameSplitter()
    sent = log_frame(b"one\ntwo\n", 5_000_999) + log_frame(b"three")
    seen = [message for n in range(len(sent)) for message in splitter.feed(sent[n : n + 1])]
    assert seen == [(5_000, "one\ntwo"), (1, "three")]
    assert last_texts(splitter) == []


def test_a_log_frame_that_is_cut_short_is_shown_as_far_as_it_goes() -> None:
    splitter = FrameSplitter()
    assert texts(splitter, log_frame(b"abc")[:-1]) == []
    assert last_texts(splitter) == ["ab"]


def test_what_is_no_log_frame_is_shown_as_it_is() -> None:
    splitter = FrameSplitter()
    assert texts(splitter, b"0123456789abcdefplain\n", b"te") == ["0123456789abcdefplain"]
    assert last_texts(splitter) == ["te"]


def test_a_delivery_that_is_cut_short_is_refused() -> None:
    with pytest.raises(MalformedDelivery):
        decode_deliveries(struct.pack(">I", 100) + b"{}")
    with pytest.raises(MalformedDelivery):
        decode_deliveries(struct.pack(">I", 2) + b"{}" + struct.pack(">I", 0))
    assert decode_deliveries(b"") == []


def test_lines_are_printed_behind_aligned_labels() -> None:
    stream = io.StringIO()
    printer = LinePrinter(stream)
    printer.labels("perdure", "order")
    printer.say("order", "hello")
    printer.line("plain")
    printer.close()
    assert stream.getvalue() == "order   | hello\nplain\n"


class PausedTerminal(io.StringIO):
    """Takes nothing until it goes on."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = threading.Event()
        self.goes_on = threading.Event()

    def write(self, text: str) -> int:
        self.asked.set()
        assert self.goes_on.wait(20)
        return super().write(text)


def test_a_paused_terminal_costs_no_more_memory_than_a_bound() -> None:
    terminal = PausedTerminal()
    printer = LinePrinter(terminal)
    printer.line("first")
    assert terminal.asked.wait(20)
    for _ in range(100):
        printer.line("x" * 1_000_000)
    terminal.goes_on.set()
    printer.close()
    kept = terminal.getvalue()
    assert len(kept) <= CAPACITY_CHARACTERS + 1_000
    assert "(84 lines dropped: the terminal is too slow)" in kept
