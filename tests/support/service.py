"""The service as users run it: a process that keeps its port and its data through restarts."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.processes import LoggedProcess

_LISTENING = "PERDURE_LISTENING "


class ServiceProcess(LoggedProcess):
    """`database_url` None: an embedded Postgres below `folder`, which lives and dies with it."""

    def __init__(
        self,
        folder: Path,
        *,
        database_url: str | None = None,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command = [sys.executable, "-m", "perdure_service", "serve", "--data", str(folder / "data")]
        variables = {**(environment or {})}
        if database_url is not None:
            variables["DATABASE_URL"] = database_url
        super().__init__([*command, *options], folder / "service.log", variables)
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, *arguments: str) -> None:
        """Returns once it is ready; on the same port whenever it is started again."""
        self.begin(*arguments)
        self.until(lambda: _LISTENING in self.output)
        self.port = int(self.output.partition(_LISTENING)[2].split()[0].rpartition(":")[2])
        self.until(self.is_ready)

    def begin(self, *arguments: str) -> None:
        """Returns at once: for one that is not to come up."""
        super().start("--port", str(self.port), *arguments)

    def is_ready(self) -> bool:
        try:
            return httpx.get(f"{self.url}/ready", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def tracebacks(self) -> list[str]:
        """The last line of every traceback that it wrote."""
        found: list[str] = []
        inside = False
        for line in self.log.splitlines():
            if line.startswith("Traceback "):
                inside = True
            elif inside and not line.startswith(" "):
                inside = False
                found.append(line)
        return found


@contextmanager
def running_service(
    folder: Path,
    *,
    database_url: str | None = None,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[ServiceProcess]:
    """A service that is ready, and gone in the end, however often the test restarts it. Whatever
    happens to it or to its Postgres, it must not write a traceback."""
    service = ServiceProcess(
        folder, database_url=database_url, options=options, environment=environment
    )
    try:
        service.start()
        yield service
    finally:
        service.stop()
    assert service.tracebacks() == []
