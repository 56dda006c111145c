"""`perdure worker` as users run it."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil

from tests.support.processes import LoggedProcess

PERDURE = Path(sys.executable).with_name("perdure")


class WorkerProcess(LoggedProcess):
    """`specs` name handlers as on the command line."""

    def __init__(
        self,
        folder: Path,
        service_url: str,
        specs: Sequence[str],
        *,
        options: Sequence[str] = (),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        command: list[str | Path] = [PERDURE, "worker", *specs, "--service", service_url]
        command += ["--cache", folder / "cache", "--grace", "5", "--health-file", folder / "health"]
        super().__init__([*command, *options], folder / "worker.log", environment)
        self._health = folder / "health"

    def start(self, *arguments: str) -> None:
        """Returns once the service knows its functions."""
        self._health.unlink(missing_ok=True)
        super().start(*arguments)
        self.until(self._health.exists)

    def children(self) -> list[int]:
        """Its runtime processes."""
        try:
            return [child.pid for child in psutil.Process(self.pid).children()]
        except psutil.NoSuchProcess:
            return []


@contextmanager
def running_worker(
    folder: Path,
    service_url: str,
    specs: Sequence[str],
    *,
    options: Sequence[str] = (),
    environment: Mapping[str, str] | None = None,
) -> Iterator[WorkerProcess]:
    worker = WorkerProcess(folder, service_url, specs, options=options, environment=environment)
    try:
        worker.start()
        yield worker
    finally:
        worker.stop()
