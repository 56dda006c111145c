"""What is measured: a service process on a database of its own, on the embedded Postgres."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from benchmarks.meter import Meter
from perdure_service.postgres.embedded import EmbeddedPostgres

_LISTENING = "PERDURE_LISTENING "
_START_SECONDS = 60


class Service:
    """`python -m perdure_service serve` as a child, on a port of its choice that it keeps."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self._folder = folder
        self._database_url = database_url
        self._process: subprocess.Popen[str] | None = None
        self._port = 0
        self.url = ""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> float:
        """Start, and return the seconds until it listened."""
        began = time.perf_counter()
        command = [sys.executable, "-m", "perdure_service", "serve", "--port", str(self._port)]
        with (self._folder / "service.log").open("a") as log:
            self._process = process = subprocess.Popen(
                [*command, "--data", str(self._folder)],
                env={
                    **os.environ,
                    "DATABASE_URL": self._database_url,
                    "PERDURE_LOG_LEVEL": "WARNING",
                },
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert process.stdout is not None
        watchdog = threading.Timer(_START_SECONDS, process.kill)
        watchdog.start()
        line = process.stdout.readline()
        watchdog.cancel()
        if not line.startswith(_LISTENING):
            raise RuntimeError((self._folder / "service.log").read_text()[-2000:])
        self.url = line.removeprefix(_LISTENING).strip()
        self._port = int(self.url.rpartition(":")[2])
        return time.perf_counter() - began

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = None


class Stack:
    """A running service, its Postgres, and a connection to look into its database."""

    def __init__(
        self, service: Service, postgres: EmbeddedPostgres, admin: psycopg.Connection[Any]
    ) -> None:
        self.service = service
        self.postgres = postgres
        self.admin = admin

    def meter(self, **peers: int) -> Meter:
        """Meters the service, Postgres with all its backends, and `peers` by name and pid."""
        pids = {"service": self.service.pid, "postgres": self.postgres.pid, **peers}
        return Meter(pids)

    def column(self, query: str) -> list[Any]:
        """The first column of what `query` finds."""
        return [row[0] for row in self.admin.execute(query.encode()).fetchall()]


@contextmanager
def running_stack(folder: Path, settings: Mapping[str, str] | None = None) -> Iterator[Stack]:
    """A service on an empty database. `folder` keeps the cluster for the next one; `settings` are
    Postgres', on top of those that the service itself runs it with."""
    with empty_database(folder, settings) as (postgres, url):
        service = Service(folder, url)
        try:
            service.start()
            with psycopg.connect(url, autocommit=True) as admin:
                yield Stack(service, postgres, admin)
        finally:
            service.stop()


@contextmanager
def empty_database(
    folder: Path, settings: Mapping[str, str] | None = None
) -> Iterator[tuple[EmbeddedPostgres, str]]:
    """A running Postgres and the URL of a database of its own, which is dropped in the end."""
    database = f"bench_{time.monotonic_ns()}"
    with EmbeddedPostgres(folder / "postgres", settings=settings) as postgres:
        with psycopg.connect(postgres.url, autocommit=True) as admin:
            admin.execute(f"CREATE DATABASE {database}".encode())
        try:
            yield postgres, urlsplit(postgres.url)._replace(path=f"/{database}").geturl()
        finally:
            with psycopg.connect(postgres.url, autocommit=True) as admin:
                admin.execute(f"DROP DATABASE {database} WITH (FORCE)".encode())
