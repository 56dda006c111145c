"""`python -m perdure.in_process MODULE.ATTRIBUTE`, started by the agent."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, cast

from perdure.execution import DurableFunction
from perdure.http.connections import ServiceConnections
from perdure.in_process.errors import error_body
from perdure.in_process.handler import load_handler
from perdure.in_process.output import InvocationOutput, take_over_output
from perdure.in_process.runner import Runner
from perdure.in_process.watchdog import Watchdog
from perdure.transport.endpoint import lambda_endpoint
from perdure.transport.http_service import HttpService
from perdure.worker.channel import Decoder, Kind, encode
from perdure.worker.clock import epoch_milliseconds
from perdure.worker.in_process_runtime import CHANNEL_VARIABLE, CONCURRENCY_VARIABLE
from perdure.worker.invocation import Outcome


class _Channel(asyncio.Protocol):
    """The process' end. `gone` is done when the agent has nothing more to say, or is gone."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._decoder = Decoder()
        self._transport: asyncio.Transport | None = None
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self.on_run: Callable[[Any, bytes], None] = lambda run, payload: None

    def send(self, kind: Kind, payload: bytes = b"", **members: Any) -> None:
        if self._transport is not None:
            self._transport.write(encode(kind, payload, **members))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        for kind, members, payload in self._decoder.feed(data):
            if kind == Kind.RUN:
                self.on_run(members, payload)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self.gone.done():
            self.gone.set_result(None)


class _Lines:
    """What invocations write, on its way to the agent from any thread."""

    def __init__(self) -> None:
        self._channel: _Channel | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    def go_to(self, channel: _Channel) -> None:
        self._channel = channel
        self._loop = asyncio.get_running_loop()

    def write(self, invocation: str, text: str) -> None:
        assert self._loop is not None, "no invocation runs before there is a channel"
        if threading.get_ident() == _MAIN_THREAD:
            self._send(invocation, epoch_milliseconds(), text)
        else:
            with suppress(RuntimeError):  # the loop is closed: the process ends
                self._loop.call_soon_threadsafe(self._send, invocation, epoch_milliseconds(), text)

    def _send(self, invocation: str, at: int, text: str) -> None:
        assert self._channel is not None
        message = text.encode("utf-8", "replace")
        self._channel.send(Kind.WROTE, message, InvocationId=invocation, At=at)


_MAIN_THREAD = threading.main_thread().ident


def main() -> None:
    descriptor = int(os.environ.pop(CHANNEL_VARIABLE))
    concurrency = int(os.environ.pop(CONCURRENCY_VARIABLE))
    lines = _Lines()
    with socket.socket(fileno=descriptor) as agent:
        outputs = take_over_output(lines.write)
        try:
            # Here, as on Lambda: modules may set signal handlers or run a loop of their own.
            function = load_handler(sys.argv[1])
        except BaseException as error:
            agent.sendall(encode(Kind.FAILED, error_body(error)))
            agent.recv(1)  # the agent ends us when it has read that
            return
        gc.collect()
        gc.freeze()  # what loading made lives on: no collection has to look at it again
        _run(_serve(function, agent, concurrency, lines, outputs))


def _run(program: Coroutine[Any, Any, None]) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(program)
    else:
        uvloop.run(program)  # a checkpoint at half the CPU, where it is installed


async def _serve(
    function: DurableFunction,
    agent: socket.socket,
    concurrency: int,
    lines: _Lines,
    outputs: Sequence[InvocationOutput],
) -> None:
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_unix_connection(_Channel, sock=agent)
    lines.go_to(channel)
    # For what handlers do with asyncio.to_thread: each may have a thread.
    loop.set_default_executor(ThreadPoolExecutor(concurrency + 8, "invocation"))
    await _invocations(function, channel, concurrency, outputs)


async def _invocations(
    function: DurableFunction,
    channel: _Channel,
    concurrency: int,
    outputs: Sequence[InvocationOutput],
) -> None:
    endpoint = lambda_endpoint(None, None, os.environ)
    connections = ServiceConnections(endpoint.url)
    service = HttpService(connections, endpoint.authorisation)

    def run(message: Mapping[str, Any], payload: bytes) -> None:
        for output in outputs:
            output.began(message["InvocationId"])
        runner.start(message, payload)

    def report(invocation: str, outcome: Outcome, body: bytes) -> None:
        for output in outputs:
            output.ended(invocation)
        channel.send(Kind.ENDED, body, InvocationId=invocation, Outcome=outcome)

    def bark(text: str) -> None:
        sys.stderr.write(f"perdure: {text}\n")

    def worn(reason: str) -> None:
        channel.send(Kind.WORN, Reason=reason)

    runner = Runner(
        function,
        service,
        report,
        Watchdog(bark),
        most_hung=max(2, concurrency // 4),
        worn=worn,
    )
    channel.on_run = run
    channel.send(Kind.READY)
    try:
        await channel.gone
    finally:
        service.close()
        connections.close()


if __name__ == "__main__":
    main()
