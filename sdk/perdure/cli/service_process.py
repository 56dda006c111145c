"""The service as a child of `perdure dev`: started, watched, restarted, stopped."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perdure.http.connections import ServiceAway, ServiceConnections, ServiceUrl
from perdure.worker.bound import bound_to_us
from perdure.worker.log_capture import capture_lines

LISTENING = "PERDURE_LISTENING "
"""The service's first line on standard output, followed by its URL."""

_READY_SECONDS = 5.0
_PATIENCE_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 15.0
_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0


class ServiceDidNotStart(Exception):
    """The service ended before it was ready; it has said why on standard error."""

    def __init__(self, exit_code: int) -> None:
        super().__init__(f"The service ended with status {exit_code} before it was ready")
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class ServiceArguments:
    host: str
    port: int
    data: Path
    region: str


class ServiceProcess:
    def __init__(
        self,
        arguments: ServiceArguments,
        print_line: Callable[[str], None],
        say: Callable[[str], None],
    ) -> None:
        self._arguments = arguments
        self._port = arguments.port
        self._print_line = print_line
        self._say = say
        self._process: asyncio.subprocess.Process | None = None
        self._stopping = False
        self.url: asyncio.Future[ServiceUrl] = asyncio.get_running_loop().create_future()
        """Where it listens; done once it is ready for the first time. It keeps its port."""

    async def supervise(self) -> None:
        """Keep it running until `stop`. Raises ServiceDidNotStart if it never gets ready."""
        pause = _FIRST_PAUSE_SECONDS
        while True:
            was_ready, status = await self._run_once()
            if self._asked_to_stop():
                return
            if not self.url.done():
                raise ServiceDidNotStart(status)
            pause = _FIRST_PAUSE_SECONDS if was_ready else min(2 * pause, _LONGEST_PAUSE_SECONDS)
            self._say(f"the service ended ({_manner(status)}), starting it again")
            await asyncio.sleep(pause)

    async def stop(self) -> None:
        """Ask it to end, wait, and insist. Returns when it has ended."""
        self._stopping = True
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(_STOP_SECONDS):
                await process.wait()
        except TimeoutError:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()

    def _asked_to_stop(self) -> bool:
        return self._stopping

    async def _run_once(self) -> tuple[bool, int]:
        """One life: whether it got ready, and its exit status."""
        arguments = self._arguments
        process = await asyncio.create_subprocess_exec(
            *bound_to_us((sys.executable, "-P", "-m", "perdure_service", "serve")),
            *("--host", arguments.host, "--port", str(self._port)),
            *("--data", str(arguments.data), "--region", arguments.region, "--dev"),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            # A Ctrl-C is for us: the functions have to be drained before the service goes.
            start_new_session=True,
        )
        self._process = process
        assert process.stdout is not None
        listening: asyncio.Future[ServiceUrl] = asyncio.get_running_loop().create_future()

        def emit(line: str) -> None:
            if line.startswith(LISTENING) and not listening.done():
                listening.set_result(ServiceUrl.parse(line.removeprefix(LISTENING).strip()))
            else:
                self._print_line(line)

        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(capture_lines(process.stdout, emit))
                look = tasks.create_task(self._look(listening))
                status = await process.wait()
                was_ready = look.done()
                look.cancel()
        except BaseException:
            if process.returncode is None:
                process.kill()
            raise
        return was_ready, status

    async def _look(self, listening: asyncio.Future[ServiceUrl]) -> None:
        """Return once it listens and is ready."""
        url = await listening
        self._port = url.port
        connections = ServiceConnections(url)
        now = asyncio.get_running_loop().time
        patience_ends = now() + _PATIENCE_SECONDS
        try:
            while (reason := await _what_is_missing(connections)) is not None:
                if now() > patience_ends:
                    self._say(f"the service is not ready yet: {reason}")
                    patience_ends = now() + _PATIENCE_SECONDS
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            connections.close()
        if not self.url.done():
            self.url.set_result(url)


async def _what_is_missing(connections: ServiceConnections) -> str | None:
    """None once the service is ready."""
    try:
        answer = await connections.exchange(b"GET", b"/ready", timeout_seconds=_READY_SECONDS)
    except ServiceAway as error:
        return str(error)  # its end, if it is that, is seen elsewhere
    return None if answer.status == 200 else answer.body.decode("utf-8", "replace")


def _manner(status: int) -> str:
    return f"signal {-status}" if status < 0 else f"exit status {status}"
