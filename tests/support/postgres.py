"""One Postgres for a whole test run, and a database of its own for every test.

Test processes (pytest-xdist workers) share a folder. The first that needs the server starts a
keeper process, `python -m tests.support.postgres FOLDER`, which runs the server for as long as
anybody holds a shared lock on FOLDER/users. The kernel counts the users, so a worker that crashes
is no worry.

It is the server that users get, fsync and all; only its folder is temporary, and in memory where
there is enough: creating the 300 files of a database took 80 ms on a disk, with fsync or without,
and 12 ms in /dev/shm.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from perdure_service.postgres.embedded import EmbeddedPostgres
from tests.support.invariants import ADD_INVARIANTS
from tests.support.waiting import eventually

_ROOT = Path(__file__).parents[2]
_TEMPLATE = "template_perdure"
_SETTINGS = {"max_connections": "200", "max_wal_size": "256MB"}
_MEMORY_NEEDED_BYTES = 1 << 30


class DatabaseServer:
    """The databases of one server. `admin` is in autocommit mode."""

    def __init__(self, admin: psycopg.Connection, url: str, folder: Path) -> None:
        self._admin = admin
        self._url = url
        self._folder = folder

    def url_of(self, database: str) -> str:
        return urlsplit(self._url)._replace(path=f"/{database}").geturl()

    def migrated_template(self) -> str:
        """The name of a database with our schema and its invariants; made by whoever asks
        first."""
        from perdure_service.postgres.migrate import migrate

        with _locked(self._folder / "template"):
            known = "SELECT 1 FROM pg_database WHERE datname = %s"
            if self._admin.execute(known, [_TEMPLATE]).fetchone() is None:
                unfinished = f"unfinished_{secrets.token_hex(6)}"
                self._execute("CREATE DATABASE {}", unfinished)
                migrate(self.url_of(unfinished))
                with psycopg.connect(self.url_of(unfinished)) as connection:
                    connection.execute(ADD_INVARIANTS.encode())
                # A template that somebody is connected to cannot be copied.
                self._execute("ALTER DATABASE {} ALLOW_CONNECTIONS false", unfinished)
                self._execute("ALTER DATABASE {} RENAME TO {}", unfinished, _TEMPLATE)
        return _TEMPLATE

    @contextmanager
    def clone(self, template: str) -> Iterator[str]:
        """The URL of a copy of `template`, which is dropped in the end whoever still uses it."""
        name = f"test_{secrets.token_hex(6)}"
        self._execute("CREATE DATABASE {} TEMPLATE {} STRATEGY wal_log", name, template)
        try:
            yield self.url_of(name)
        finally:
            # DROP DATABASE naps for 100 ms when it finds a session that has not quite ended.
            eventually(lambda: self._ended_sessions_of(name))
            self._execute("DROP DATABASE {} WITH (FORCE)", name)

    def _ended_sessions_of(self, database: str) -> bool:
        ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
        return not self._admin.execute(ending, [database]).fetchall()

    def _execute(self, statement: str, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def shared_server(folder: Path) -> Iterator[DatabaseServer]:
    """The server of everybody who names the same `folder`; it ends after its last user."""
    folder.mkdir(exist_ok=True)
    url_file = folder / "url"
    keeper: subprocess.Popen[str] | None = None
    try:
        with (folder / "users").open("a") as users:
            with _locked(folder / "start"):
                # Waits for a keeper that is about to end, whose last user has just left.
                fcntl.flock(users, fcntl.LOCK_SH)
                if not url_file.exists():
                    keeper = started = _start_keeper(folder)
                    eventually(lambda: url_file.exists() or started.poll() is not None, 120)
            if not url_file.exists():
                raise RuntimeError((folder / "keeper.log").read_text())
            url = url_file.read_text()
            with psycopg.connect(url, autocommit=True) as admin:
                yield DatabaseServer(admin, url, folder)
    finally:
        if keeper is not None:
            keeper.wait()


def copy_data_folder(stopped: Path, target: Path) -> None:
    """A second data folder like that of a stopped server, owners included; saves an initdb."""
    subprocess.run(["cp", "-a", stopped, target], check=True)


def _start_keeper(folder: Path) -> subprocess.Popen[str]:
    with (folder / "keeper.log").open("w") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "tests.support.postgres", folder],
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            text=True,
            # Ctrl-C is for the tests; the keeper ends after them.
            start_new_session=True,
        )


def _keep(folder: Path) -> None:
    url_file = folder / "url"
    with (
        (folder / "users").open("a") as users,
        tempfile.TemporaryDirectory(dir=_fastest_parent(folder), prefix="perdure-test-") as data,
        EmbeddedPostgres(Path(data), settings=_SETTINGS) as server,
    ):
        unfinished = url_file.with_suffix(".unfinished")
        unfinished.write_text(server.url)
        unfinished.rename(url_file)
        fcntl.flock(users, fcntl.LOCK_EX)
        url_file.unlink()


def _fastest_parent(fallback: Path) -> Path:
    memory = Path("/dev/shm")  # noqa: S108 - the folder made in it has an unguessable name
    if os.access(memory, os.W_OK) and shutil.disk_usage(memory).free > _MEMORY_NEEDED_BYTES:
        return memory
    return fallback


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


if __name__ == "__main__":
    _keep(Path(sys.argv[1]))
