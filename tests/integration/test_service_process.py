"""`perdure dev` and its service, played by a few lines that only listen."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from perdure.cli.running import innermost
from perdure.cli.service_process import ServiceArguments, ServiceDidNotStart, ServiceProcess
from perdure.http.connections import ServiceUrl

SERVICE = """
import http.server, os, pathlib, sys

arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
data = pathlib.Path(arguments["--data"])
starts = int((data / "starts").read_text()) + 1 if (data / "starts").exists() else 1
(data / "starts").write_text(str(starts))


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ready = (data / "ready").exists()
        self.send_response(200 if ready else 503)
        self.end_headers()

    def log_message(self, *arguments):
        pass


try:
    server = http.server.HTTPServer((arguments["--host"], int(arguments["--port"])), Handler)
except OSError:
    print(f"port {arguments['--port']} is taken: choose another with --port", file=sys.stderr)
    sys.exit(98)
print(f"PERDURE_LISTENING http://127.0.0.1:{server.server_port}", flush=True)
print(f"start {starts} of {os.getpid()}", flush=True)
server.serve_forever()
"""


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    package = tmp_path / "packages" / "perdure_service"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "__main__.py").write_text(SERVICE)
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    data = tmp_path / "some data"
    data.mkdir()
    (data / "ready").touch()
    return data


@dataclass(slots=True)
class Output:
    lines: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def print_line(self, line: str) -> None:
        self.lines.append(line)
        self.news.set()

    async def pid_of(self, start: int) -> int:
        async with asyncio.timeout(20):
            while True:
                self.news.clear()
                for line in self.lines:
                    if line.startswith(f"start {start} of "):
                        return int(line.rpartition(" ")[2])
                await self.news.wait()


@asynccontextmanager
async def service_process(
    data: Path, output: Output, port: int = 0
) -> AsyncIterator[ServiceProcess]:
    arguments = ServiceArguments("127.0.0.1", port, data, "us-east-1")
    process = ServiceProcess(arguments, output.print_line, output.said.append)
    async with asyncio.TaskGroup() as tasks:
        supervision = tasks.create_task(process.supervise())
        try:
            yield process
        finally:
            await process.stop()
            supervision.cancel()


async def ready(process: ServiceProcess) -> ServiceUrl:
    async with asyncio.timeout(20):
        return await asyncio.shield(process.url)


async def test_the_service_tells_where_it_listens_and_its_lines_are_passed_on(data: Path) -> None:
    output = Output()
    async with service_process(data, output) as process:
        url = await ready(process)
        await output.pid_of(1)
    assert url.port > 0
    assert not any("LISTENING" in line for line in output.lines)
    assert output.said == []


async def test_a_service_that_dies_is_started_again_on_its_port(data: Path) -> None:
    output = Output()
    async with service_process(data, output) as process:
        url = await ready(process)
        os.kill(await output.pid_of(1), signal.SIGKILL)
        os.kill(await output.pid_of(2), signal.SIGKILL)
        await output.pid_of(3)
        with pytest.raises(OSError, match="in use"):
            await asyncio.start_server(lambda *_: None, "127.0.0.1", url.port)
    assert output.said[0] == "the service ended (signal 9), starting it again"


async def test_nothing_is_left_after_a_stop(data: Path) -> None:
    output = Output()
    async with service_process(data, output) as process:
        await ready(process)
        pid = await output.pid_of(1)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_taken_port_ends_the_start_with_its_own_exit_code(
    data: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    output = Output()
    async with service_process(data, output) as first:
        port = (await ready(first)).port
        with pytest.raises(ExceptionGroup) as caught:
            async with service_process(data, Output(), port) as second:
                await ready(second)
    error = innermost(caught.value)
    assert isinstance(error, ServiceDidNotStart)
    assert error.exit_code == 98
    assert f"port {port} is taken: choose another with --port" in capfd.readouterr().err


async def test_a_service_that_is_not_ready_is_waited_for(data: Path) -> None:
    (data / "ready").unlink()
    output = Output()
    async with service_process(data, output) as process:
        await output.pid_of(1)
        assert not process.url.done()
        (data / "ready").touch()
        await ready(process)
