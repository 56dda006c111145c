"""What invocations print and log, told apart although they share a process.

A line that is written while an invocation runs, in its task or in a thread of its, goes to the
agent with the invocation's id. What nobody is known to have written goes to the process' output,
and so does what a thread prints after its invocation has ended.
"""

from __future__ import annotations

import io
import json
import logging
import os
import sys
import threading
import time
import traceback
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final, TextIO

from perdure.worker.log_capture import MAX_MESSAGE_BYTES

CURRENT: Final[ContextVar[str | None]] = ContextVar("invocation", default=None)
"""The id of the invocation that this code runs for."""

LONGEST_LINE: Final = MAX_MESSAGE_BYTES
"""In characters."""

Write = Callable[[str, str], None]
"""Takes an invocation's id and a message of it. It may be called by any thread."""

_OWN_FIELDS = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "aws_request_id"}


class _Line:
    """What was written since the last end of a line."""

    __slots__ = ("characters", "pieces")

    def __init__(self) -> None:
        self.pieces: list[str] = []
        self.characters = 0

    def add(self, text: str) -> int:
        """How many characters there are now."""
        self.pieces.append(text)
        self.characters += len(text)
        return self.characters

    def take(self) -> str:
        """All of it; the next line begins."""
        pieces, self.pieces, self.characters = self.pieces, [], 0
        return "".join(pieces)


class InvocationOutput(io.TextIOBase):
    """Stands in for sys.stdout or sys.stderr, for any thread. A line that grows to LONGEST_LINE is
    written as far as it is."""

    encoding = "utf-8"

    def __init__(self, write: Write, otherwise: TextIO) -> None:
        self._write = write
        self._otherwise = otherwise
        self._lines: dict[str, _Line] = {}
        self._lock = threading.RLock()  # a finalizer may print while somebody does

    def write(self, text: str, /) -> int:
        invocation = CURRENT.get()
        if invocation is None or not self._take(invocation, text):
            self._otherwise.write(text)
            self._otherwise.flush()  # a pipe would keep it until it is full
        return len(text)

    def began(self, invocation: str) -> None:
        """What it writes is its own from now on."""
        with self._lock:
            self._lines[invocation] = _Line()

    def ended(self, invocation: str) -> None:
        """What is left is its last line. What a thread of it still writes is the process'."""
        with self._lock:
            line = self._lines.pop(invocation, None)
            if line is not None and line.pieces:
                self._write(invocation, line.take())

    def _take(self, invocation: str, text: str) -> bool:
        """Whether it runs."""
        whole, newline, rest = text.rpartition("\n")
        with self._lock:
            line = self._lines.get(invocation)
            if line is None:
                return False
            if newline:
                line.add(whole)
                self._write(invocation, line.take())
            if rest and line.add(rest) >= LONGEST_LINE:
                self._write(invocation, line.take())
        return True

    def flush(self) -> None:
        self._otherwise.flush()

    def writable(self) -> bool:
        return True

    def isatty(self) -> bool:
        return False

    def fileno(self) -> int:
        return self._otherwise.fileno()

    def __getattr__(self, name: str) -> Any:
        """What else there is of a stream, such as `buffer`: what goes there is the process'."""
        return getattr(self._otherwise, name)


class _LogHandler(logging.Handler):
    def __init__(self, write: Write) -> None:
        super().__init__()
        self._write = write

    def emit(self, record: logging.LogRecord) -> None:
        invocation = CURRENT.get()
        record.aws_request_id = invocation or ""
        try:
            text = self.format(record)
            if invocation is None:
                sys.stderr.write(text + "\n")
            else:
                self._write(invocation, text)
        except Exception:
            self.handleError(record)


class _JsonFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        at = self.formatTime(record, "%Y-%m-%dT%H:%M:%S")
        fields: dict[str, Any] = {
            "timestamp": f"{at}.{int(record.msecs):03d}Z",
            "level": record.levelname,
            "message": record.msg
            if isinstance(record.msg, dict) and not record.args
            else record.getMessage(),
            "logger": record.name,
            "requestId": vars(record)["aws_request_id"],
        }
        if record.exc_info and record.exc_info[1] is not None:
            fields["errorType"] = type(record.exc_info[1]).__name__
            fields["errorMessage"] = str(record.exc_info[1])
            fields["stackTrace"] = traceback.format_tb(record.exc_info[2])
        fields |= {name: value for name, value in vars(record).items() if name not in _OWN_FIELDS}
        return json.dumps(fields, ensure_ascii=False, default=str)


def take_over_output(write: Write) -> tuple[InvocationOutput, InvocationOutput]:
    """From now on `write` gets what invocations print. Logging is formatted as Lambda does it."""
    out, err = InvocationOutput(write, sys.stdout), InvocationOutput(write, sys.stderr)
    sys.stdout, sys.stderr = out, err
    handler = _LogHandler(write)
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        formatter: logging.Formatter = _JsonFormatter()
    else:
        formatter = logging.Formatter(
            "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s",
            "%Y-%m-%dT%H:%M:%S",
        )
    formatter.converter = time.gmtime
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(os.environ.get("AWS_LAMBDA_LOG_LEVEL") or "INFO")
    return out, err
