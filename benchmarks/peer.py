"""Processes that the benchmarks talk to: a command is a JSON line, and so is its answer.

The load generator and the worker run apart from each other and from the service, so that the CPU
seconds of each are its own.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import uvloop

Command = Callable[..., Awaitable[Any]]


class PeerFailed(Exception):
    """A peer ended instead of answering, or took too long; its own words are on stderr."""


class Peer:
    """The parent's end: a child running `python -m MODULE URL`, entered when it is ready.
    `python` is another environment's interpreter, if not ours."""

    def __init__(self, module: str, url: str, *, python: str = sys.executable) -> None:
        self._process = subprocess.Popen(
            [python, "-m", module, url],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._module = module

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, command: str, *, timeout_seconds: float = 300, **arguments: Any) -> Any:
        """Run `command` in the peer; its answer. Raises PeerFailed."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps([command, arguments]) + "\n")
            self._process.stdin.flush()
        return self._read_answer(command, timeout_seconds)

    def _read_answer(self, command: str, timeout_seconds: float) -> Any:
        assert self._process.stdout is not None
        watchdog = threading.Timer(timeout_seconds, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        if not line:
            raise PeerFailed(f"{self._module} did not answer '{command}'")
        return json.loads(line)

    def __enter__(self) -> Self:
        self._read_answer("are you ready?", timeout_seconds=30)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


def answer_commands(make: Callable[[str], Awaitable[Mapping[str, Command]]]) -> None:
    """The child's end: make the commands for the URL on the command line, and obey until the
    parent is gone."""
    uvloop.run(_answer(make))


async def _answer(make: Callable[[str], Awaitable[Mapping[str, Command]]]) -> None:
    reader = asyncio.StreamReader()
    protocol = asyncio.StreamReaderProtocol(reader)
    await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, sys.stdin)
    commands = await make(sys.argv[1])
    _say("ready")
    while line := await reader.readline():
        name, arguments = json.loads(line)
        _say(await commands[name](**arguments))


def _say(answer: Any) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
